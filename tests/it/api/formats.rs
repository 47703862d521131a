//! Lists and metric values as CSV, NDJSON and Parquet.

use std::io::Read;

use super::*;

const DAY: &str =
    "/v1/metrics/query?metrics=minutes_consumed,resolution_rate&dimensions=provider&from=2026-11-18&to=2026-11-19";

#[tokio::test]
async fn metric_values_are_csv_to_the_letter() {
    let api = Api::new().await;
    let path = format!("{DAY}&{WELL}");
    let csv = api.send("GET", &path, &[("accept", "text/csv; header=present, application/json;q=0.5")]).await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8; header=present");
    let bucket = "2026-11-17T23:00:00.000000Z,2026-11-18,2026-11-18T23:00:00.000000Z,complete,false";
    let expected = [
        "bucket_start,local_date,bucket_end,bucket_status,bucket_is_partial,provider,minutes_consumed,minutes_consumed_unknown_count,minutes_consumed_reason,resolution_rate,resolution_rate_numerator,resolution_rate_denominator,resolution_rate_unknown_count,resolution_rate_reason".to_owned(),
        format!("{bucket},konpro,12.6,,,,,,,not_applicable"),
        format!("{bucket},konvo,,,not_applicable,0.666666667,2,3,1,"),
        format!("{bucket},realtimekit,140.75,,,,,,,not_applicable"),
        String::new(),
    ];
    assert_eq!(csv.text, expected.join("\r\n"));
    assert_eq!(csv.header("data-warnings"), "mixed_minutes_basis");
    assert_eq!(csv.header("data-complete-through"), "2026-11-18T23:00:00Z");
    assert!(csv.header("data-version").starts_with('d'));
    assert!(csv.header("vary").contains("accept"));
    // each format has its own tag
    let json = api.send("GET", &path, &[]).await;
    assert_ne!(json.header("etag"), csv.header("etag"));
    assert_eq!(json.header("data-version"), csv.header("data-version"));
    let again = api.send("GET", &path, &[("accept", "text/csv"), ("if-none-match", csv.header("etag"))]).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    for answer in [&json, &csv, &again] {
        assert!(answer.headers.get_all("vary").iter().any(|value| value == "accept"), "{:?}", answer.headers);
    }
}

#[tokio::test]
async fn a_header_names_each_warning_once() {
    let api = Api::new().await;
    let values: Vec<String> = (0..400).map(|number| format!("unheard-{number}")).collect();
    let path = format!("{DAY}&{WELL}&channel={}", values.join(","));
    let csv = api.send("GET", &path, &[("accept", "text/csv")]).await;
    let warnings = csv.header("data-warnings");
    assert_eq!(warnings.matches("unmatched_filter_value").count(), 1, "{warnings}");
}

#[tokio::test]
async fn a_table_states_which_buckets_are_cut_and_has_all_previous_values() {
    let api = Api::new().await;
    let cut = "/v1/metrics/query?metrics=sessions&granularity=day&from=2026-11-18T12:00:00Z&to=2026-11-20&zone=UTC";
    let csv = api.send("GET", cut, &[("accept", "text/csv")]).await;
    let lines: Vec<&str> = csv.text.lines().collect();
    assert!(lines[1].starts_with("2026-11-18T12:00:00.000000Z,2026-11-18,2026-11-19T00:00:00.000000Z,"));
    assert!(lines[1].contains(",true,"), "{}", csv.text);
    assert!(lines[2].starts_with("2026-11-19T00:00:00.000000Z,2026-11-19,2026-11-20T00:00:00.000000Z,"));
    assert!(lines[2].contains(",false,"), "{}", csv.text);
    // October has a day that November lacks
    sqlx::raw_sql("update core.sessions set started_at = '2026-10-31 09:00Z' where session_id = 31")
        .execute(api.pool())
        .await
        .unwrap();
    let month = "/v1/metrics/query?metrics=sessions,resolution_rate&dimensions=provider&granularity=day&compare=previous_period\
                 &elapsed=full&from=2026-11-01&to=2026-12-01&zone=UTC";
    let json = api.get(month).await;
    let unmatched = json["unmatched_previous"].as_array().unwrap();
    assert_eq!(unmatched.len(), 3, "31 October of each provider");
    let table = api.send("GET", month, &[("accept", "application/x-ndjson")]).await;
    let rows: Vec<Value> = table.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), json["rows"].as_array().unwrap().len() + 3);
    for (row, expected) in rows[rows.len() - 3..].iter().zip(unmatched) {
        assert_eq!(
            (&row["bucket_start"], &row["bucket_is_partial"], &row["sessions"]),
            (&Value::Null, &Value::Null, &Value::Null)
        );
        assert_eq!(row["previous_bucket_start"], "2026-10-31T00:00:00Z");
        assert_eq!(row["provider"], expected["dimensions"]["provider"]);
        assert_eq!(row["sessions_previous"], expected["values"]["sessions"]["value"]);
        assert_eq!(row["resolution_rate_previous_reason"], expected["values"]["resolution_rate"]["reason"]);
    }
    let previous: i64 = rows.iter().filter_map(|row| row["sessions_previous"].as_i64()).sum();
    assert_eq!(json["totals"]["sessions"]["previous"], previous);
    assert!(previous > 0, "the chat of 31 October");
    if cfg!(feature = "parquet") {
        assert!(bytes(&api, &format!("{month}&format=parquet"), "identity").await.1.starts_with(b"PAR1"));
    }
}

#[tokio::test]
async fn the_format_is_chosen_by_parameter_or_accept_header() {
    let api = Api::new().await;
    let form = async |path: &str, accept: &str| {
        let answer = api.send("GET", path, &[("accept", accept)]).await;
        (answer.status.as_u16(), answer.header("content-type").to_owned())
    };
    let path = "/v1/sessions?limit=1";
    let ndjson = (200, "application/x-ndjson".to_owned());
    assert_eq!(form(path, "text/csv;q=0.5, application/x-ndjson;q=0.9, */*;q=0.1").await, ndjson);
    assert_eq!(form("/v1/sessions?limit=1&format=ndjson", "text/csv").await, ndjson);
    assert_eq!(form(path, "*/*").await, (200, "application/json".to_owned()));
    let refused = api.send("GET", path, &[("accept", "image/png")]).await;
    assert_eq!(refused.status.as_u16(), 406);
    for name in ["application/json", "text/csv", "application/x-ndjson"] {
        assert!(refused.json()["detail"].as_str().unwrap().contains(name), "{}", refused.text);
    }
    let problem = api.problem("/v1/sessions?format=cvs&outcome=solved", 422).await;
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2);
    let fault = problem["errors"].as_array().unwrap().iter().find(|e| e["parameter"] == "format").unwrap();
    assert_eq!(fault["did_you_mean"][0], "csv");
}

/// Adds 2500 chats in June.
async fn with_many_chats() -> Api {
    let api = Api::new().await;
    sqlx::raw_sql(
        "insert into core.sessions (session_id, source_id, provider, provider_session_id, session_kind, session_state, outcome, channel, created_at,
                                    started_at, first_seen_at, last_changed_at, row_hash, raw_hash)
         overriding system value
         select 1000 + n, 3, 'konvo', 'many-' || n, 'chat', 'open', 'open', case n when 7 then '=1+2, \"x\"' else 'web' end, at, at, at, at, '', ''
           from generate_series(1, 2500) n cross join lateral (select timestamptz '2026-06-01Z' + n / 3 * interval '1 second' as at) a",
    )
    .execute(api.pool())
    .await
    .unwrap();
    api
}

/// Returns the bytes of a response, and their encoding.
async fn bytes(api: &Api, path: &str, encoding: &str) -> (String, Vec<u8>) {
    let request = Request::builder().uri(path).header("accept-encoding", encoding).body(Body::empty()).unwrap();
    let response = api.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    let packed = response.headers().get("content-encoding").map_or("", |value| value.to_str().unwrap()).to_owned();
    (packed, to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
}

#[tokio::test]
async fn a_whole_list_is_the_same_when_it_is_packed() {
    let api = with_many_chats().await;
    let june = "from=2026-06-01&to=2026-07-01&zone=UTC";
    let mut forms = vec!["csv", "ndjson"];
    if cfg!(feature = "parquet") {
        forms.push("parquet");
    }
    for list in ["sessions", "minutes/ledger"] {
        for form in &forms {
            let path = format!("/v1/{list}?{june}&format={form}");
            let (packed, plain) = bytes(&api, &path, "identity").await;
            assert_eq!(packed, "");
            assert!(plain.len() > 20_000, "{path}: {} bytes", plain.len());
            let (packed, gzip) = bytes(&api, &path, "gzip").await;
            assert_eq!(packed, "gzip", "{path}");
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(gzip.as_slice()).read_to_end(&mut unpacked).unwrap();
            assert!(unpacked == plain, "{path}: {} of {} bytes", unpacked.len(), plain.len());
            // read to its end, too
            let (packed, brotli) = bytes(&api, &path, "br").await;
            assert_eq!(packed, "br", "{path}");
            assert!(!brotli.is_empty() && brotli.len() < plain.len(), "{path}: {} bytes", brotli.len());
        }
    }
}

#[tokio::test]
async fn rows_behind_a_value_are_a_table_too() {
    let api = Api::new().await;
    let path = "/v1/metrics/rows?metrics=sessions&source=konpro-eu&from=2026-11-18&to=2026-11-19&limit=1";
    let csv = api.send("GET", path, &[("accept", "text/csv")]).await;
    let expected = [
        "at,local_date,session_id,source,provider,provider_session_id,session_kind,session_state,outcome,channel,row_id,contribution,denominator,is_unknown,unknown_count",
        "2026-11-18T09:00:00.000000Z,2026-11-18,21,konpro-eu,konpro,id-21,avatar,ended,not_applicable,,,1,,false,",
        "",
    ];
    assert_eq!(csv.text, expected.join("\r\n"));
    assert_eq!(csv.header("data-complete-through"), "2026-11-18T23:00:00Z");
    // without a limit, all of them
    let whole = api.send("GET", &path.replace("&limit=1", ""), &[("accept", "text/csv")]).await;
    assert_eq!((whole.text.lines().count(), whole.header("link")), (3, ""));
    assert_eq!(whole.header("data-complete-through"), "2026-11-18T23:00:00Z");
    let next = csv.header("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
    let second = api.send("GET", &next, &[("accept", "application/x-ndjson")]).await;
    let line: Value = serde_json::from_str(second.text.trim()).unwrap();
    assert_eq!(line["session_id"], 22);
}

#[test]
fn every_address_that_has_forms_says_which() {
    let document = serde_json::to_value(document()).unwrap();
    let mut count = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array();
            if parameters.is_none_or(|all| all.iter().all(|given| given["$ref"] != "#/components/parameters/format")) {
                continue;
            }
            let forms: Vec<&String> = operation["responses"]["200"]["content"].as_object().unwrap().keys().collect();
            for form in ["application/json", "text/csv", "application/x-ndjson", "application/vnd.apache.parquet"] {
                assert!(forms.iter().any(|name| *name == form), "{method} {path} does not say {form}");
            }
            count += 1;
        }
    }
    assert!(count >= 8, "{count}");
}

#[tokio::test]
async fn a_whole_list_is_sent_page_by_page_and_formulas_are_only_text() {
    let api = with_many_chats().await;
    let question = "source=konvo-eu&from=2026-06-01&to=2026-07-01&zone=UTC";
    let csv = api.send("GET", &format!("/v1/sessions?{question}&format=csv"), &[]).await;
    let mut reader = csv::Reader::from_reader(csv.text.as_bytes());
    let head: Vec<String> = reader.headers().unwrap().iter().map(ToOwned::to_owned).collect();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2_500);
    let place = |name: &str| head.iter().position(|column| column == name).unwrap();
    let ids: std::collections::BTreeSet<&str> = rows.iter().map(|row| &row[place("session_id")]).collect();
    assert_eq!(ids.len(), 2_500);
    let formula = rows.iter().find(|row| &row[place("provider_session_id")] == "many-7").unwrap();
    assert_eq!(&formula[place("channel")], "'=1+2, \"x\"");
    assert_eq!(&formula[place("started_at")], "2026-06-01T00:00:02.000000Z");
    // the columns are the fields of JSON
    let page = api.send("GET", &format!("/v1/sessions?{question}&limit=1"), &[]).await.json();
    let mut fields: Vec<&String> = page["items"][0].as_object().unwrap().keys().collect();
    // and the local date
    let mut columns: Vec<&String> = head.iter().filter(|name| *name != "local_date").collect();
    fields.sort();
    columns.sort();
    assert_eq!(fields, columns);
    // with a limit: a page, and the link to the next one
    let first = api.send("GET", &format!("/v1/sessions?{question}&format=ndjson&limit=2"), &[]).await;
    assert_eq!(first.text.lines().count(), 2);
    let next = first.header("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
    let second = api.send("GET", &next, &[]).await;
    assert_eq!(second.text.lines().count(), 2);
    assert!(first.text.lines().all(|line| !second.text.contains(line)));
    let line: Value = serde_json::from_str(first.text.lines().next().unwrap()).unwrap();
    let mut line = line;
    assert_eq!(line.as_object_mut().unwrap().remove("local_date"), Some(json!("2026-06-01")));
    assert_eq!(line, page["items"][0]);
}

#[tokio::test]
async fn all_rows_behind_a_value_come_as_one_table() {
    let api = with_many_chats().await;
    let path = "/v1/metrics/rows?metrics=sessions&source=konvo-eu&from=2026-06-01&to=2026-07-01&zone=UTC";
    let csv = api.send("GET", &format!("{path}&format=csv"), &[]).await;
    assert_eq!(csv.status, StatusCode::OK, "{}", csv.text);
    let mut reader = csv::Reader::from_reader(csv.text.as_bytes());
    let place = reader.headers().unwrap().iter().position(|name| name == "session_id").unwrap();
    let ids: std::collections::BTreeSet<String> = reader.records().map(|row| row.unwrap()[place].to_owned()).collect();
    assert_eq!((ids.len(), csv.text.lines().count()), (2_500, 2_501));
}

#[tokio::test]
async fn instants_have_one_form_across_a_change_of_clocks() {
    let api = Api::new().await;
    let path = format!(
        "{QUERY}?metrics=sessions&source=konvo-eu&from=2026-10-24&to=2026-10-27&zone=Europe/Berlin&granularity=day"
    );
    let csv = api.send("GET", &format!("{path}&format=csv"), &[]).await;
    let starts: Vec<String> =
        csv.text.lines().skip(1).map(|line| line.split(',').take(2).collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "2026-10-23T22:00:00.000000Z 2026-10-24",
        "2026-10-24T22:00:00.000000Z 2026-10-25",
        "2026-10-25T23:00:00.000000Z 2026-10-26",
    ];
    assert_eq!(starts, expected);
}

#[cfg(feature = "parquet")]
#[tokio::test]
async fn parquet_has_the_same_rows_with_types() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let api = Api::new().await;
    let request = Request::builder().uri(format!("{DAY}&{WELL}")).header("accept", "application/vnd.apache.parquet");
    let response = api.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/vnd.apache.parquet");
    let reader = SerializedFileReader::new(to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap();
    let cells = |row: parquet::record::Row| {
        let cells = row.get_column_iter().map(|(name, field)| (name.clone(), field.to_string()));
        cells.collect::<std::collections::BTreeMap<String, String>>()
    };
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(|row| cells(row.unwrap())).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0]["minutes_consumed"], "12.6");
    // a ratio of counts: the parts are whole numbers
    assert_eq!((&*rows[1]["resolution_rate_denominator"], &*rows[1]["resolution_rate_unknown_count"]), ("3", "1"));
    assert_eq!(rows[1]["local_date"], "2026-11-18");
    assert_eq!(rows[1]["minutes_consumed"], "null");
    assert_eq!(rows[1]["minutes_consumed_reason"], "\"not_applicable\"");
    assert_eq!(rows[2]["bucket_start"], "2026-11-17 23:00:00.000000 +00:00");
    let types = |bytes: axum::body::Bytes| {
        let reader = SerializedFileReader::new(bytes).unwrap();
        let columns = reader.metadata().file_metadata().schema_descr().columns().to_vec();
        let column = |column: &std::sync::Arc<parquet::schema::types::ColumnDescriptor>| {
            (column.name().to_owned(), format!("{} {}", column.physical_type(), column.converted_type()))
        };
        columns.iter().map(column).collect::<std::collections::BTreeMap<String, String>>()
    };
    for (numbers, minutes) in [("", "DOUBLE NONE"), ("&numbers=decimal", "FIXED_LEN_BYTE_ARRAY DECIMAL")] {
        let uri = format!("{DAY}&{WELL}&metrics=sessions,minutes_consumed,resolution_rate&format=parquet{numbers}");
        let uri = uri.replacen("metrics=minutes_consumed,resolution_rate&", "", 1);
        let request = Request::builder().uri(uri).body(Body::empty()).unwrap();
        let response = api.router.clone().oneshot(request).await.unwrap();
        let types = types(to_bytes(response.into_body(), usize::MAX).await.unwrap());
        assert_eq!((&*types["sessions"], &*types["resolution_rate_numerator"]), ("INT64 NONE", "INT64 NONE"));
        assert_eq!((&*types["minutes_consumed"], &*types["resolution_rate"]), (minutes, minutes));
        assert_eq!(types["local_date"], "INT32 DATE");
    }
    let sessions = Request::builder().uri("/v1/sessions?format=parquet").body(Body::empty()).unwrap();
    let bytes = to_bytes(api.router.clone().oneshot(sessions).await.unwrap().into_body(), usize::MAX).await.unwrap();
    let reader = SerializedFileReader::new(bytes).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 13);
}
