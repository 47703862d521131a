//! The marks of a panel as a file of their own: those of a chart, or those in the cells of a table.
//!
//! Programs that open a file read no stylesheet of ours, and the browser's policy refuses one inside it. So a mark in a
//! file has its colour, that of the light scheme, as an attribute. No value and no scale is computed here.

use askama::Template;

use crate::web::assets::colour;
use crate::web::chart::along::{Chart, Key};
use crate::web::chart::heat::Heat;
use crate::web::chart::picture::Picture;
use crate::web::chart::rows::Rows;
use crate::web::chart::{letters, pixels};
use crate::web::table::Table;

/// Width of the plot of a chart, pixels.
const WIDTH: f64 = 850.0;
/// Height of the plot of a heat map, pixels: seven rows and the hours.
const HEAT_HEIGHT: f64 = 178.0;
/// Width of a letter, pixels: the widest that fonts have on average.
const LETTER: usize = 7;
/// Width that the legend may take, pixels, and height of its rows and of lines of text.
const ROOM: usize = 900;
const LINE: usize = 20;
/// Most letters of a line of text.
const LETTERS: usize = 130;

/// What a file draws.
pub(crate) enum Plot<'a> {
    /// A chart along time.
    Along(&'a Chart),
    /// Hours of the week.
    Week(&'a Heat),
    /// The marks in the cells of a table.
    Rows(&'a Table),
    /// Nothing: the text below says why.
    Nothing,
}

impl<'a> Plot<'a> {
    /// The plot of a chart.
    pub(crate) fn of(picture: &'a Picture) -> Self {
        match picture {
            Picture::Along(chart) => Self::Along(chart),
            Picture::Week(heat) => Self::Week(heat),
        }
    }
}

/// An entry of the legend of a file, with its place.
struct PlacedKey<'a> {
    x: usize,
    y: usize,
    key: &'a Key,
}

#[derive(Template)]
#[template(path = "file.svg")]
struct File<'a> {
    title: &'a str,
    caption: &'a str,
    plot: Plot<'a>,
    rows: Rows,
    plot_height: f64,
    keys: Vec<PlacedKey<'a>>,
    keys_height: usize,
    lines: Vec<String>,
}

/// Draws a file with a caption and notes below it.
pub(crate) fn draw(title: &str, caption: &str, plot: Plot<'_>, notes: &[String]) -> askama::Result<String> {
    let (mut own, mut rows) = (Vec::new(), Rows::default());
    let (plot_height, keys) = match &plot {
        Plot::Along(chart) => (chart.height + 24.0, &chart.keys),
        Plot::Week(heat) => {
            own = steps(heat);
            (HEAT_HEIGHT, &own)
        }
        Plot::Rows(table) => {
            rows = Rows::of(table);
            (rows.height, &own)
        }
        Plot::Nothing => (0.0, &own),
    };
    let (keys, keys_height) = placed(keys);
    let lines = std::iter::once(caption).chain(notes.iter().map(String::as_str)).flat_map(wrapped).collect();
    let file = File { title, caption, plot, rows, plot_height, keys, keys_height, lines };
    // XML has no place for control characters, which a text of a provider may hold
    Ok(file.render()?.replace(|letter: char| letter.is_control() && letter != '\n', "\u{fffd}"))
}

impl File<'_> {
    fn height(&self) -> String {
        let of_texts = u32::try_from(self.keys_height + self.lines.len() * LINE).unwrap_or_default();
        pixels(self.plot_height + 76.0 + f64::from(of_texts))
    }
}

/// Returns a coordinate in pixels for one in percent.
fn at(percent: &str) -> String {
    pixels(percent.parse::<f64>().unwrap_or_default() / 100.0 * WIDTH)
}

/// Returns the attributes of an area, by its class in the stylesheet.
fn area(class: &str) -> String {
    let (name, kind) = class.split_once(' ').unwrap_or((class, ""));
    let fill = colour(name);
    match kind {
        _ if name == "unknown" => "fill=\"url(#hatch)\" fill-opacity=\".55\"".to_owned(),
        "open" => format!(
            "fill=\"{fill}\" fill-opacity=\".35\" stroke=\"{fill}\" stroke-width=\"1.5\" stroke-dasharray=\"4 3\""
        ),
        "pale" => format!("fill=\"{fill}\" fill-opacity=\".45\""),
        _ => match name.strip_prefix('h').and_then(|step| step.parse::<u32>().ok()) {
            Some(0) => format!("fill=\"{}\" fill-opacity=\".45\"", colour("line")),
            Some(step) => format!("fill=\"{}\" fill-opacity=\".{}\"", colour("accent"), step * 20 - 1),
            None => format!("fill=\"{fill}\""),
        },
    }
}

/// Returns the attributes of a line.
fn stroke(class: &str) -> String {
    let (name, dashes) = class.split_once(' ').map_or((class, ""), |(name, _)| (name, " stroke-dasharray=\"4 4\""));
    format!("stroke=\"{}\" stroke-width=\"2\" stroke-linecap=\"round\"{dashes}", colour(name))
}

/// Returns the attributes of a point.
fn point(class: &str) -> String {
    match class.split_once(' ') {
        Some((name, _open)) => {
            format!("fill=\"{}\" stroke=\"{}\" stroke-width=\"1.5\"", colour("panel"), colour(name))
        }
        None => format!("fill=\"{}\"", colour(class)),
    }
}

/// Returns the legend of a heat map: its colours from the least to the greatest.
fn steps(heat: &Heat) -> Vec<Key> {
    let text = |step: usize| match step {
        0 => "0".to_owned(),
        5 => heat.greatest.clone(),
        _ => String::new(),
    };
    let steps = (0..=5).map(|step| Key { class: format!("h{step}"), shape: 0, text: text(step) });
    let is_known = heat.cells.iter().all(|cell| cell.class != "unknown");
    let unknown = Key { class: "unknown".to_owned(), shape: 0, text: "not known yet".to_owned() };
    steps.chain((!is_known).then_some(unknown)).collect()
}

/// Places the entries of a legend in rows; returns the height of the rows, too.
fn placed(keys: &[Key]) -> (Vec<PlacedKey<'_>>, usize) {
    let (mut x, mut y, mut placed) = (0, 0, Vec::new());
    for key in keys {
        let width = 20 + letters(&key.text) * LETTER;
        if x > 0 && x + width > ROOM {
            (x, y) = (0, y + LINE);
        }
        placed.push(PlacedKey { x, y, key });
        x += width + if key.text.is_empty() { 0 } else { 12 };
    }
    (placed, if keys.is_empty() { 0 } else { y + LINE + 6 })
}

/// Returns a text as lines.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut().filter(|line| letters(line) + letters(word) < LETTERS) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}
