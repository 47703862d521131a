//! Configuration: file and environment mean the same, and all faults are reported at once, each with key and remedy.

use std::collections::BTreeMap;

use tributary::app::parse_config;
use tributary::config::AuthMode;
use tributary_simulator::Platform;

use crate::providers::acceptance::entry;
use crate::providers::conformance::over_all_providers;

over_all_providers!(a01_a_key_means_the_same_in_file_and_environment);

async fn a01_a_key_means_the_same_in_file_and_environment(platform: Platform) {
    let keys = [
        ("base_url", "\"http://127.0.0.1:9\""),
        ("schedule", "\"0 */7 * * * *\""),
        ("history_from", "\"2026-02-01T00:00:00Z\""),
        ("requests_per_minute", "17"),
        ("quota_share", "0.25"),
        ("page_size", "33"),
        ("account_id", "\"acc-9\""),
        ("app_id", "\"app-9\""),
    ];
    let has = |key: &str| !["account_id", "app_id"].contains(&key) || entry(platform).required_settings.contains(&key);
    let head = format!("[[sources]]\nslug = \"it\"\nprovider = \"{}\"\napi_key_env = \"KEY\"\n", platform.as_str());
    let (mut in_file, mut environment) = (head.clone(), BTreeMap::from([("KEY".to_owned(), "k".to_owned())]));
    let needed = entry(platform).required_settings.iter().map(|key| format!("{key} = \"to be replaced\"\n"));
    let beside = head + &needed.collect::<String>();
    let with_key = environment.clone();
    for (key, value) in keys.into_iter().filter(|(key, _)| has(key)) {
        in_file += &[key, " = ", value, "\n"].concat();
        let name = format!("TRIBUTARY_SOURCES__IT__{}", key.to_ascii_uppercase());
        environment.insert(name, value.trim_matches('"').to_owned());
    }
    let from_file = parse_config(&in_file, &with_key).expect("it is right");
    let from_environment = parse_config(&beside, &environment).expect("it is right");
    assert_eq!(format!("{from_file:?}"), format!("{from_environment:?}"));
    assert_ne!(format!("{from_file:?}"), format!("{:?}", parse_config(&beside, &with_key).expect("it is right")));
}

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn faults(toml: &str, pairs: &[(&str, &str)]) -> String {
    format!("{:#}", parse_config(toml, &environment(pairs)).expect_err("the configuration is wrong"))
}

const SOURCE: &str = "[[sources]]\nslug = \"konvo-eu\"\nprovider = \"konvo\"\napi_key_env = \"KEY\"\n";

#[test]
fn f81_a_plain_configuration_is_read_with_the_provider_s_defaults() {
    let config = parse_config(SOURCE, &environment(&[("KEY", "secret\n")])).expect("it is right");
    let source = &config.sources[0];
    assert_eq!(source.slug.as_str(), "konvo-eu");
    assert_eq!(source.base_url.as_str(), "https://api.konvoai.com/");
    assert_eq!(source.history_from.to_rfc3339(), "2020-01-01T00:00:00+00:00");
    assert_eq!((source.quota_share_permille, config.http.max_file_bytes), (800, 8_388_608));
    let key = source.api_key.current();
    let key = secrecy::ExposeSecret::expose_secret(&key);
    assert_eq!(key, "secret", "the trailing newline is trimmed");
    assert!(!format!("{config:?}").contains("secret"), "secrets are not printed");
}

#[test]
fn f81_all_faults_are_reported_at_once() {
    let toml = r#"
        [databse]
        url = "postgres://x"
        [database]
        url = "mysql://x"
        [server]
        listen = "0.0.0.0:8080"
        auth = "open"
        default_zone = "CET+1"
        [[sources]]
        slug = "RTK prod"
        provider = "realtimekit"
        schedule = "*/5 * * * *"
        api_key = "in-the-file"
        account_id = ""
        [[sources]]
        slug = "a"
        provider = "convo"
        api_key_env = "NOT_SET"
        base_url = "http://api.konvoai.com"
        requests_per_minute = 0
        quota_share = 1.2
        polls = 3
        [[sources]]
        slug = "b"
        provider = "konvo"
        api_key_env = "EMPTY"
        schedule = "0 99 * * * *"
        history_from = "yesterday"
        language = "englisch"
        [[sources]]
        slug = "b"
        provider = "konvo"
        api_key_env = "KEY"
    "#;
    let text = faults(
        toml,
        &[("EMPTY", " \n"), ("KEY", "k"), ("TRIBUTARY_SERVR__LISTEN", "x"), ("TRIBUTARY_PORT", "tcp://10.0.0.1")],
    );
    for expected in [
        "databse: there is no such key — did you mean `database`?",
        "database.url: it is not a Postgres address",
        "server.listen: 0.0.0.0:8080 can be reached from outside",
        "server.default_zone: `CET+1` is not usable",
        "sources[0].slug: `RTK prod` is not a slug",
        "sources[0].schedule: `*/5 * * * *` does not have six fields",
        "sources[0].api_key: the file contains a secret — use api_key_env or api_key_file",
        "sources[0].account_id: it is missing",
        "sources[0].app_id: it is missing",
        "sources[1].provider: there is no provider `convo` — did you mean `konvo`?",
        "sources[1].api_key_env: the variable NOT_SET is not set",
        "sources[1].base_url: the credential would be sent unencrypted",
        "sources[1].requests_per_minute: `0` is not usable — write a whole number from 1 to 100000",
        "sources[1].quota_share: `1.2` is not usable — write a number above 0 and up to 1",
        "sources[1].polls: there is no such key",
        "sources[2].api_key_env: the secret is empty",
        "sources[2].schedule: `0 99 * * * *` is not a schedule",
        "sources[2].history_from: `yesterday` is not an instant",
        "sources[2].language: there is no text-search configuration `englisch` — did you mean `english`?",
        "servr (TRIBUTARY_SERVR__LISTEN): there is no such key — did you mean `server`?",
    ] {
        assert!(text.contains(expected), "`{expected}` is missing in:\n{text}");
    }
    assert!(!text.contains("in-the-file"), "a secret is not repeated");
}

#[test]
fn f81_two_sources_of_one_slug_are_refused() {
    let text = faults(&format!("{SOURCE}{SOURCE}"), &[("KEY", "k")]);
    assert!(text.contains("sources[1].slug: sources[0].slug is already `konvo-eu`"), "{text}");
}

#[test]
fn f81_one_account_under_two_slugs_is_refused() {
    let text = faults(&format!("{SOURCE}{}", SOURCE.replace("konvo-eu", "konvo-main")), &[("KEY", "k")]);
    assert!(text.contains("sources[1].api_key_env: sources[0] already has this account"), "{text}");
}

#[test]
fn callers_need_keys_unless_the_address_is_a_loopback_one() {
    let auth = |server: &str| parse_config(&format!("[server]\n{server}"), &environment(&[])).map(|it| it.server.auth);
    assert_eq!(auth("").expect("right"), AuthMode::Open);
    assert_eq!(auth("auth = \"keys\"").expect("right"), AuthMode::Keys);
    assert_eq!(auth("listen = \"0.0.0.0:8080\"").expect("right"), AuthMode::Keys);
    let text = faults("[server]\nlisten = \"0.0.0.0:8080\"\nauth = \"open\"\n", &[]);
    assert!(text.contains("server.listen: 0.0.0.0:8080 can be reached from outside"), "{text}");
    let text = faults("[server]\nauth = \"none\"\n", &[]);
    assert!(text.contains("server.auth: there is no mode `none` — write \"keys\""), "{text}");
}

#[test]
fn hosts_origins_and_proxies_are_checked() {
    let server = "[server]\npublic_hosts = [\"Tributary.example.com\", \"api.example.com:8443\"]\n\
                  allowed_origins = [\"https://dash.example.com\"]\ntrusted_proxy = [\"10.0.0.0/8\"]\n";
    let config = parse_config(server, &environment(&[])).expect("it is right").server;
    assert_eq!(config.public_hosts, ["tributary.example.com", "api.example.com:8443"]);
    assert!(config.trusted_proxies[0].contains([10, 1, 2, 3].into()));
    let text = faults(
        "[server]\npublic_hosts = [\"https://example.com\"]\nallowed_origins = [\"*\", \"dash.example.com\"]\n\
         trusted_proxy = [\"proxy.example.com\"]\nkey_environment = \"Prod\"\n[server.tls]\ncert_file = \"c.pem\"\n",
        &[],
    );
    for fault in [
        "server.public_hosts: `https://example.com` is no host name",
        "server.allowed_origins: `*` is no origin",
        "there is no wildcard",
        "server.allowed_origins: `dash.example.com` is no origin",
        "server.trusted_proxy: `proxy.example.com` is no address and no network",
        "server.key_environment: `Prod` is not usable",
        "server.tls.key_file: it is missing",
    ] {
        assert!(text.contains(fault), "{fault}: {text}");
    }
}

#[test]
fn a01_the_environment_overrides_keys() {
    let pairs = [
        ("KEY", "k"),
        ("TRIBUTARY_SERVER__LISTEN", "127.0.0.1:9000"),
        ("TRIBUTARY_SOURCES__KONVO_EU__REQUESTS_PER_MINUTE", "7"),
        ("TRIBUTARY_SOURCES__KONVO_EU__QUOTA_SHARE", "0.55"),
        ("TRIBUTARY_DATABASE__URL", "postgres://over/ridden"),
    ];
    let config = parse_config(SOURCE, &environment(&pairs)).expect("it is right");
    assert_eq!(config.server.listen.port(), 9000);
    assert_eq!(config.sources[0].requests_per_minute, Some(7));
    assert_eq!(config.sources[0].quota_share_permille, 550);
    assert!(config.database.url.is_some());
}

#[test]
fn per_session_streams_are_named_among_those_there_are() {
    let streams = |toml: &str| {
        let config = parse_config(&format!("{SOURCE}{toml}"), &environment(&[("KEY", "k")])).expect("it is right");
        config.sources[0].session_streams.iter().map(|stream| stream.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(streams(""), ["participants", "chat", "transcript", "summary", "quality"]);
    assert_eq!(streams("session_streams = []\n"), Vec::<&str>::new());
    assert_eq!(streams("session_streams = [\"chat\"]\n"), ["chat"]);
    let text = faults(&format!("{SOURCE}session_streams = [\"quality\", \"chats\"]\n"), &[("KEY", "k")]);
    assert!(text.contains("session_streams: there is no per-session stream `chats` — did you mean `chat`?"), "{text}");
    assert!(text.contains("session_streams: `quality` is fetched by participant"), "{text}");
}

#[test]
fn actions_are_disabled_unless_configured() {
    let enabled = |toml: &str, pairs: &[(&str, &str)]| {
        let environment = environment(&[&[("KEY", "k")], pairs].concat());
        parse_config(&format!("{SOURCE}{toml}"), &environment).expect("it is right").sources[0].are_actions_enabled
    };
    assert!(!enabled("", &[]));
    assert!(!enabled("[sources.actions]\n", &[]));
    assert!(enabled("[sources.actions]\nenabled = true\n", &[]));
    let name = "TRIBUTARY_SOURCES__KONVO_EU__ACTIONS__ENABLED";
    assert!(enabled("", &[(name, "true")]));
    assert!(!enabled("[sources.actions]\nenabled = true\n", &[(name, "false")]));
    let toml = format!("{SOURCE}[sources.actions]\nenabled = 1\nenable = true\n");
    let text = faults(&toml, &[("KEY", "k")]);
    assert!(text.contains("sources[0].actions.enabled: `1` is not usable — write true or false"), "{text}");
    assert!(text.contains("sources[0].actions.enable: there is no such key — did you mean `enabled`?"), "{text}");
}

#[test]
fn broken_toml_names_its_line() {
    let text = faults("[server]\nlisten = \n", &[]);
    assert!(text.contains("line 2"), "{text}");
}

#[test]
fn plain_http_is_accepted_on_loopback_only() {
    for (url, is_right) in [
        ("http://127.0.0.1:99", true),
        ("http://[::1]:99", true),
        ("http://localhost:99", true),
        ("http://10.0.0.1", false),
        ("http://127.0.0.1.example.com", false),
        ("ftp://127.0.0.1", false),
        ("https://user:pw@api.konvoai.com", false),
    ] {
        let toml = format!("{SOURCE}base_url = \"{url}\"\n");
        assert_eq!(parse_config(&toml, &environment(&[("KEY", "k")])).is_ok(), is_right, "{url}");
    }
}

#[test]
fn all_faults_of_alerts_and_webhooks_are_reported_with_a_remedy() {
    let toml = format!(
        "{SOURCE}[sources.webhooks]\npublic_key_env = \"PEM\"\n\
         [[alerts]]\nname = \"Few chats\"\nquerry = \"metrics=sessions\"\nabove = 1\nbelow = 2\nurl = \"http://example.com/a\"\n\
         secret_env = \"SHORT\"\n\
         [[alerts]]\nname = \"b\"\nquery = \"metrics=sessions\"\nmonthly_budget = 0\nlevels_percent = [80, 1.5]\n\
         [[alerts]]\nname = \"c\"\nquery = \"metrics=sessions\"\nbelow = \"many\"\nurl_env = \"ADDRESS\"\nsecret_env = \"GOOD\"\n"
    );
    let good = format!("whsec_{}", "A".repeat(32));
    let pairs = [
        ("KEY", "k"),
        ("PEM", "no key"),
        ("SHORT", "whsec_AAAA"),
        ("GOOD", good.as_str()),
        ("ADDRESS", "https://hooks.example.com/a-secret-path"),
    ];
    let text = faults(&toml, &pairs);
    for expected in [
        "sources[0].webhooks.public_key_env: it holds no public RSA key — store the provider's key there",
        "alerts[0].name: `Few chats` is not usable — use 1 to 40",
        "alerts[0].query: it is missing",
        "alerts[0].querry: there is no such key — did you mean `query`?",
        "alerts[0].above: an alert has one limit — write one of above, below and monthly_budget",
        "alerts[0].url: it is no address that keeps incidents confidential — write an https address",
        "alerts[0].secret_env: it is no key of Standard Webhooks — use whsec_",
        "alerts[1].monthly_budget: it is no budget — write a number above 0",
        "alerts[1].levels_percent: it is not usable — write whole percents",
        "alerts[1].url: it is missing",
        "alerts[1].secret_env: it is missing",
        "alerts[2].below: `\"many\"` is not usable — write a number",
    ] {
        assert!(text.contains(expected), "`{expected}` is missing in: {text}");
    }
    assert!(!text.contains("a-secret-path") && !text.contains("AAAA"), "{text}");
    let webhooks = format!("{SOURCE}[sources.webhooks]\npublic_key_env = \"PEM\"\n");
    let text = faults(&webhooks, &[("KEY", "k"), ("PEM", tributary_simulator::webhooks::PUBLIC_KEY)]);
    assert!(text.contains("webhooks of `konvo` cannot be received — remove [sources.webhooks]"), "{text}");
}

#[test]
fn the_address_of_a_read_replica_comes_from_file_environment_or_a_secret_and_is_not_that_of_the_primary() {
    let url = |toml: &str, pairs: &[(&str, &str)]| {
        let config = parse_config(toml, &environment(pairs)).expect("it is right");
        assert!(!format!("{config:?}").contains("hidden"), "a password is not printed");
        config.database.read_url.map(|url| secrecy::ExposeSecret::expose_secret(&url).to_owned())
    };
    let replica = "postgres://u:hidden@replica/t";
    let file = std::env::temp_dir().join(format!("tributary-read-url-{}", std::process::id()));
    std::fs::write(&file, format!("{replica}\n")).expect("a file");
    let by_file = format!("[database]\nread_url_file = {file:?}");
    for (toml, pairs) in [
        (format!("[database]\nread_url = \"{replica}\""), vec![]),
        (String::new(), vec![("TRIBUTARY_DATABASE__READ_URL", replica)]),
        ("[database]\nread_url_env = \"REPLICA\"".to_owned(), vec![("REPLICA", replica)]),
        (by_file.clone(), vec![]),
    ] {
        assert_eq!(url(&toml, &pairs).as_deref(), Some(replica), "{toml}");
    }
    assert_eq!(url("", &[("DATABASE_URL", replica)]), None, "there is none by default");
    for (toml, pairs, expected) in [
        (
            "read_url = \"postgres://u@p/t\"",
            &[("DATABASE_URL", "postgres://u@p/t")][..],
            "it is the address of the primary",
        ),
        ("read_url = \"mysql://r\"", &[], "database.read_url: it is not a Postgres address"),
        ("read_url = \"postgres://r\"\nread_url_env = \"R\"", &[("R", "postgres://r")], "the address is given twice"),
        ("read_url_env = \"R\"", &[], "database.read_url_env: the variable R is not set"),
        ("read_max_lag_seconds = 0", &[], "database.read_max_lag_seconds: `0` is not usable"),
    ] {
        let text = faults(&format!("[database]\n{toml}"), pairs);
        assert!(text.contains(expected), "{toml}: {text}");
    }
    std::fs::remove_file(&file).expect("cleaned up");
}

#[test]
fn a_fault_of_the_environment_names_its_variable() {
    let text = faults(
        SOURCE,
        &[
            ("KEY", "k"),
            ("DATABASE_URL", "mysql://x"),
            ("TRIBUTARY_SERVER__LISTEN", "127.0.0.1:99999"),
            ("TRIBUTARY_FOO__BAR", "1"),
            ("TRIBUTARY_SOURCES__KONVO_EU__ACTIONS__ENABLED", "perhaps"),
            ("TRIBUTARY_HTTP__READ_TIMEOUT_MS", "0"),
        ],
    );
    for expected in [
        "database.url (DATABASE_URL): it is not a Postgres address",
        "server.listen (TRIBUTARY_SERVER__LISTEN): `127.0.0.1:99999` is not usable",
        "foo (TRIBUTARY_FOO__BAR): there is no such key — remove it; the known keys are: ",
        "sources[0].actions.enabled (TRIBUTARY_SOURCES__KONVO_EU__ACTIONS__ENABLED): `\"perhaps\"` is not usable",
        "http.read_timeout_ms (TRIBUTARY_HTTP__READ_TIMEOUT_MS): ",
    ] {
        assert!(text.contains(expected), "`{expected}` is missing in:\n{text}");
    }
    let text = faults("[database]\nurl = \"mysql://x\"\n", &[("DATABASE_URL", "postgres://x")]);
    assert!(text.contains("database.url: it is not a Postgres address"), "the file counts: {text}");
}

#[test]
fn a_setting_without_an_effect_is_refused() {
    let source = |provider: &str, settings: &str| {
        let head = "[[sources]]\nslug = \"a\"\napi_key_env = \"KEY\"";
        faults(&format!("{head}\nprovider = \"{provider}\"\n{settings}\n"), &[("KEY", "k")])
    };
    for (provider, settings, expected) in [
        ("konvo", "account_id = \"acc\"", "sources[0].account_id: it has no effect with the provider `konvo`"),
        ("konpro", "app_id = \"app\"", "sources[0].app_id: it has no effect with the provider `konpro` — remove it"),
        ("konpro", "human_steps = [\"HUMAN\"]", "sources[0].human_steps: it has no effect with the provider `konpro`"),
        (
            "konvo",
            "dropped_fields = [\"/id\", \"duration\"]",
            "sources[0].dropped_fields: `duration` is not a JSON pointer — write it like \"/duration\"",
        ),
    ] {
        let text = source(provider, settings);
        assert!(text.contains(expected) && text.contains("has 1 fault\n"), "{text}");
    }
}
