//! The stylesheet, the script and the icon: part of the program, under names that change with their content.

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::api::parameters::path::PathName;
use crate::api::problem::ApiError;
use crate::web::scheme::Scheme;

/// A file of the page.
pub(crate) struct Asset {
    name: String,
    media_type: &'static str,
    body: Cow<'static, str>,
}

impl Asset {
    fn new(stem: &str, extension: &str, media_type: &'static str, body: impl Into<Cow<'static, str>>) -> Self {
        let body = body.into();
        let hash = Sha256::digest(body.as_bytes());
        let digits = hash.iter().take(6).fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
        Self { name: format!("{stem}.{digits}.{extension}"), media_type, body }
    }

    /// Returns its address.
    pub(crate) fn address(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// The stylesheet, as it is written. Its sizes are in rem, so that the reader's own size counts.
const CSS: &str = include_str!("assets/page.css");
/// The stylesheet of each scheme.
static STYLES: LazyLock<[Asset; 3]> =
    LazyLock::new(|| Scheme::ALL.map(|scheme| Asset::new("page", "css", "text/css; charset=utf-8", css(scheme))));
/// The script.
pub(crate) static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("page", "js", "text/javascript; charset=utf-8", include_str!("assets/page.js")));
/// The icon.
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg")));

/// Returns the stylesheet of a scheme. Where a reader chose one, the browser's preference no longer decides.
fn css(scheme: Scheme) -> String {
    let dark = match scheme {
        Scheme::Auto => return CSS.to_owned(),
        Scheme::Light => "not all",
        Scheme::Dark => "screen",
    };
    CSS.replace("screen and (prefers-color-scheme:dark)", dark)
        .replace("color-scheme:light dark", &format!("color-scheme:{}", scheme.css()))
}

/// Returns the address of the stylesheet of a scheme.
pub(crate) fn style(scheme: Scheme) -> String {
    let [auto, light, dark] = &*STYLES;
    match scheme {
        Scheme::Auto => auto.address(),
        Scheme::Light => light.address(),
        Scheme::Dark => dark.address(),
    }
}

/// Returns a colour of the light scheme, by its name in the stylesheet.
pub(crate) fn colour(name: &str) -> &'static str {
    let declared = CSS.split_once(&format!("--{name}:")).map_or("", |(_, rest)| rest);
    declared.split([';', '}']).next().unwrap_or_default()
}

/// Answers with a file, which never changes under its name.
pub(crate) async fn file(PathName(name): PathName) -> Result<Response, ApiError> {
    let asset = STYLES.iter().chain([&*SCRIPT, &*ICON]).find(|asset| asset.name == name).ok_or(ApiError::NoSuchPath)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    Ok((headers, asset.body.clone()).into_response())
}

/// Answers with the icon under the names that browsers ask for where no page names one, as beside an SVG file.
pub(crate) async fn favicon() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(ICON.media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400")),
    ];
    (headers, ICON.body.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_scheme_does_not_depend_on_the_browser() {
        for (scheme, dark) in [(Scheme::Light, "@media not all{"), (Scheme::Dark, "@media screen{")] {
            let css = css(scheme);
            let declared = format!(":root{{color-scheme:{};", scheme.as_str());
            assert!(!css.contains("prefers-color-scheme") && css.contains(dark) && css.contains(&declared), "{css}");
        }
        let auto = css(Scheme::Auto);
        assert!(auto.contains(":root{color-scheme:light dark;") && auto.contains("@media screen and (prefers-"));
    }

    /// Returns the colours of a kind (`p`: of providers, `c`: of other groups) in both schemes.
    fn colours(kind: &str) -> Vec<&'static str> {
        let css = include_str!("assets/page.css");
        let of_kind = |declaration: &&str| {
            let name = declaration.split(':').next().unwrap_or_default();
            name.strip_prefix(kind).is_some_and(|number| number.parse::<u8>().is_ok())
        };
        css.split("--").filter(of_kind).filter_map(|declaration| declaration.get(3..10)).collect()
    }

    #[test]
    fn the_colours_of_providers_mean_nothing_else() {
        let (providers, groups) = (colours("p"), colours("c"));
        assert_eq!((providers.len(), groups.len()), (6, 18), "three providers, eight groups and the rest, twice");
        assert!(groups.iter().all(|colour| !providers.contains(colour)), "{providers:?} {groups:?}");
    }
}
