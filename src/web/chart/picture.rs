//! A chart for both places it is drawn for: the page, and a file of its own.
//!
//! Programs that open a file read no stylesheet of ours, and the browser's policy refuses one inside it. So a mark in a
//! file has its colour, that of the light scheme, as an attribute. No value and no scale is computed here.

use askama::Template;

use crate::web::assets::colour;
use crate::web::chart::along::{Chart, Key};
use crate::web::chart::heat::Heat;
use crate::web::chart::pixels;
use crate::web::panel::Shown;

/// Width of the plot of a file, pixels.
const WIDTH: f64 = 850.0;
/// Height of the plot of a heat map, pixels: seven rows and the hours.
const HEAT_HEIGHT: f64 = 178.0;
/// Width of a letter of the legend, pixels: the widest that fonts have on average.
const LETTER: usize = 7;
/// Width that the legend may take, pixels, and height of its rows and of lines of text.
const ROOM: usize = 900;
const LINE: usize = 20;
/// Most letters of a line of text.
const LETTERS: usize = 130;

/// A chart.
pub(crate) enum Picture {
    /// Along time.
    Along(Chart),
    /// Over the hours of the week.
    Week(Heat),
}

/// An entry of the legend of a file, with its place.
struct PlacedKey<'a> {
    x: usize,
    y: usize,
    key: &'a Key,
}

#[derive(Template)]
#[template(path = "picture.svg")]
struct File<'a> {
    title: &'a str,
    caption: &'a str,
    picture: &'a Picture,
    plot_height: f64,
    keys: Vec<PlacedKey<'a>>,
    keys_height: usize,
    lines: Vec<String>,
}

impl Picture {
    /// Draws it for the page.
    pub(crate) fn shown(self) -> Shown {
        let figure = match &self {
            Self::Along(chart) => chart.render(),
            Self::Week(heat) => heat.render(),
        };
        let (caption, table) = match self {
            Self::Along(chart) => (chart.caption, chart.table),
            Self::Week(heat) => (heat.caption, heat.table),
        };
        Shown { figure: figure.unwrap_or_default(), caption, table: Some(table) }
    }

    /// Draws it as a file, with these notes below it.
    pub(crate) fn file(&self, title: &str, notes: &[String]) -> Result<String, askama::Error> {
        let own;
        let (caption, plot_height, keys) = match self {
            Self::Along(chart) => (&chart.caption, chart.height + 24.0, &chart.keys),
            Self::Week(heat) => {
                own = steps(heat);
                (&heat.caption, HEAT_HEIGHT, &own)
            }
        };
        let (keys, keys_height) = placed(keys);
        let lines = std::iter::once(caption).chain(notes).flat_map(|text| wrapped(text)).collect();
        let file = File { title, caption, picture: self, plot_height, keys, keys_height, lines };
        // XML has no place for control characters, which a text of a provider may hold
        Ok(file.render()?.replace(|letter: char| letter.is_control() && letter != '\n', "\u{fffd}"))
    }
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
    match class.split_once(' ') {
        _ if class == "unknown" => "fill=\"url(#hatch)\" fill-opacity=\".55\"".to_owned(),
        Some((name, _open)) => {
            let colour = colour(name);
            format!(
                "fill=\"{colour}\" fill-opacity=\".35\" stroke=\"{colour}\" stroke-width=\"1.5\" stroke-dasharray=\"4 3\""
            )
        }
        None => match class.strip_prefix('h').and_then(|step| step.parse::<u32>().ok()) {
            Some(0) => format!("fill=\"{}\" fill-opacity=\".45\"", colour("line")),
            Some(step) => format!("fill=\"{}\" fill-opacity=\".{}\"", colour("p1"), step * 20 - 1),
            None => format!("fill=\"{}\"", colour(class)),
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
        let width = 20 + key.text.chars().count() * LETTER;
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
        match lines.last_mut().filter(|line| line.chars().count() + word.chars().count() < LETTERS) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}
