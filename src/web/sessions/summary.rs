//! A summary as a reader sees it: headings, paragraphs, lists and bold text of its Markdown.
//!
//! The text is a provider's, so nothing of it becomes markup: the template writes each piece escaped, HTML stays text,
//! and a link is its text with its address.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use crate::query::summaries::Summary;

/// A piece of text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) is_bold: bool,
}

/// A part of a summary.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block {
    Heading(Vec<Piece>),
    Paragraph(Vec<Piece>),
    List(Vec<Vec<Piece>>),
}

/// Returns the parts of a summary.
pub(super) fn blocks(summary: &Summary) -> Vec<Block> {
    if summary.format == "markdown" {
        of_markdown(&summary.body)
    } else {
        vec![Block::Paragraph(vec![Piece { text: summary.body.clone(), is_bold: false }])]
    }
}

fn of_markdown(text: &str) -> Vec<Block> {
    let (mut blocks, mut pieces, mut links) = (Vec::new(), Vec::<Piece>::new(), Vec::new());
    // the number of the next item of each list that is open; none has points
    let (mut bold, mut lists) = (0_usize, Vec::<Option<u64>>::new());
    // ends what was read so far
    let close = |blocks: &mut Vec<Block>, pieces: &mut Vec<Piece>, kind: fn(Vec<Piece>) -> Block| {
        if pieces.iter().any(|piece| !piece.text.trim().is_empty()) {
            match (kind(std::mem::take(pieces)), blocks.last_mut()) {
                (Block::List(item), Some(Block::List(items))) => items.extend(item),
                (block, _) => blocks.push(block),
            }
        }
        pieces.clear();
    };
    let text = without_definitions(text);
    for event in Parser::new(&text) {
        let of_text: fn(Vec<Piece>) -> Block =
            if lists.is_empty() { Block::Paragraph } else { |own| Block::List(vec![own]) };
        match event {
            Event::Start(Tag::Strong) => bold += 1,
            Event::End(TagEnd::Strong) => bold -= 1,
            Event::Start(Tag::List(first)) => {
                close(&mut blocks, &mut pieces, of_text);
                lists.push(first);
            }
            Event::End(TagEnd::List(_)) => drop(lists.pop()),
            Event::Start(Tag::Item) => {
                if let Some(Some(number)) = lists.last_mut() {
                    pieces.push(Piece { text: format!("{number}. "), is_bold: false });
                    *number += 1;
                }
            }
            Event::End(TagEnd::Heading(_)) => close(&mut blocks, &mut pieces, Block::Heading),
            Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::CodeBlock | TagEnd::HtmlBlock) => {
                close(&mut blocks, &mut pieces, of_text);
            }
            Event::Start(Tag::Link { dest_url, .. }) => links.push(dest_url),
            Event::End(TagEnd::Link) => {
                let address = links.pop().filter(|address| pieces.last().is_none_or(|last| last.text != **address));
                pieces.extend(address.map(|address| Piece { text: format!(" ({address})"), is_bold: false }));
            }
            Event::SoftBreak => pieces.push(Piece { text: " ".to_owned(), is_bold: false }),
            Event::HardBreak => pieces.push(Piece { text: "\n".to_owned(), is_bold: false }),
            Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text) => {
                pieces.push(Piece { text: text.into_string(), is_bold: bold > 0 });
            }
            _ => {}
        }
    }
    close(&mut blocks, &mut pieces, Block::Paragraph);
    blocks
}

/// Keeps lines such as `[Ada]: yes`, which Markdown takes for the address of a link and does not show.
fn without_definitions(text: &str) -> String {
    let is_definition = |line: &str| line.trim_start().starts_with('[') && line.contains("]:");
    let kept = |line: &str| if is_definition(line) { line.replacen('[', "\\[", 1) } else { line.to_owned() };
    text.split('\n').map(kept).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Vec<String> {
        let pieces = |pieces: &[Piece]| -> String {
            let piece = |piece: &Piece| if piece.is_bold { format!("<{}>", piece.text) } else { piece.text.clone() };
            pieces.iter().map(piece).collect()
        };
        let block = |block: &Block| match block {
            Block::Heading(own) => format!("# {}", pieces(own)),
            Block::Paragraph(own) => pieces(own),
            Block::List(items) => items.iter().map(|own| format!("- {}", pieces(own))).collect::<Vec<_>>().join("\n"),
        };
        of_markdown(text).iter().map(block).collect()
    }

    #[test]
    fn markdown_becomes_headings_paragraphs_items_and_bold_text() {
        assert_eq!(
            written(
                "## Key *points*\n\nAda said\n**no**.\n\n- one\n- two\n  1. deep\n\n`x_1` & [docs](https://a.example/b)"
            ),
            ["# Key points", "Ada said <no>.", "- one\n- two\n- 1. deep", "x_1 & docs (https://a.example/b)"]
        );
    }

    #[test]
    fn nothing_of_a_text_is_lost_or_becomes_markup() {
        assert_eq!(written("<b>all</b> <script>x()</script>"), ["<b>all</b> <script>x()</script>"]);
        assert_eq!(written("<div>\nraw\n</div>"), ["<div>\nraw\n</div>"]);
        assert_eq!(written("    code\n\n![plan](a.png) ~x~\n\n* * *\n"), ["code\n", "plan ~x~"]);
        assert_eq!(written("- a\n\n- b"), ["- a\n- b"]);
        assert_eq!(written("1984. A good year"), ["- 1984. A good year"]);
        assert_eq!(written("[Decision]: approved\n[Ada]: yes"), ["[Decision]: approved [Ada]: yes"]);
        assert_eq!(written(""), Vec::<String>::new());
    }
}
