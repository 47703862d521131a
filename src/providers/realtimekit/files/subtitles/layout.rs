//! Layout of a subtitle file: the lines that belong to each cue.

use crate::providers::realtimekit::files::subtitles::cue;

/// A part of the file.
#[derive(Debug)]
pub(super) enum Block<'a> {
    /// Lines outside of cues.
    Stray(&'a [&'a str]),
    /// A cue.
    Cue {
        /// The line of its times.
        times: &'a str,
        /// All its lines, including its name or number.
        lines: &'a [&'a str],
        /// The lines of its text.
        text: Vec<&'a str>,
    },
}

/// Position of a cue, in line numbers.
#[derive(Debug, Clone, Copy)]
struct CueLines {
    /// Its first line: name or number, or else its times.
    begin: usize,
    /// The line of its times.
    times: usize,
}

/// The lines of a file and the cues among them.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    lines: &'a [&'a str],
    is_vtt: bool,
    /// Number of header lines, which only `WebVTT` has.
    head: usize,
    cues: Vec<CueLines>,
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// Whether a line is the number of a cue, in any script, also as `#2`, `2.` or `2:`.
fn is_number(line: &str) -> bool {
    let digits = line.trim().trim_start_matches('#').trim_end_matches(['.', ':']);
    !digits.is_empty() && digits.chars().all(char::is_numeric)
}

/// Whether a line begins a comment or a style. A style keyword stands alone on its line; a comment may begin on it.
fn is_remark(line: &str) -> bool {
    line.split_whitespace().next() == Some("NOTE") || matches!(line.trim(), "STYLE" | "REGION")
}

impl<'a> Layout<'a> {
    /// Finds the cues.
    pub(super) fn of(lines: &'a [&'a str], is_vtt: bool) -> Self {
        let is_end = |line: &&str| is_blank(line) || cue::is_timing(line);
        let head = if is_vtt { lines.iter().position(is_end).unwrap_or(lines.len()) } else { 0 };
        let mut layout = Self { lines, is_vtt, head, cues: Vec::new() };
        for times in (head..lines.len()).filter(|line| cue::is_timing(lines[*line])) {
            let begin = layout.name(times).unwrap_or(times);
            layout.cues.push(CueLines { begin, times });
        }
        layout
    }

    /// Returns the language, where the header names it.
    pub(super) fn language(&self) -> Option<&'a str> {
        let language = self.lines[..self.head].iter().find_map(|line| line.strip_prefix("Language:"));
        language.map(str::trim).filter(|language| !language.is_empty())
    }

    /// Returns the line with the name or number of the cue whose times are at `times`.
    fn name(&self, times: usize) -> Option<usize> {
        let free = self.cues.last().map_or(self.head, |cue| cue.times + 1);
        let line = (free..times).rev().find(|line| !is_blank(self.lines[*line]))?;
        let is_apart = line == self.head || is_blank(self.lines[line - 1]);
        let is_direct = line + 1 == times;
        // the name of the first cue shows how the others are named
        let first = self.cues.first().map(|cue| self.lines[cue.begin..cue.times].first());
        if is_number(self.lines[line]) {
            let are_numbered = first.is_none_or(|name| name.is_some_and(|name| is_number(name)));
            return (are_numbered || (is_apart && is_direct)).then_some(line);
        }
        if !(self.is_vtt && is_apart && is_direct) || is_remark(self.lines[line]) {
            return None;
        }
        let are_named = first.is_none_or(|name| name.is_some_and(|name| !is_number(name)));
        // otherwise a name is one word, and not the only text of the cue above
        let is_word = || self.lines[line].split_whitespace().count() == 1 && self.text(free, line).next().is_some();
        (are_named || is_word()).then_some(line)
    }

    /// Returns the lines of text from `from` to `to`. Comments follow a blank line, and are never in a cue's first
    /// lines.
    fn text(&self, from: usize, to: usize) -> impl Iterator<Item = &'a str> + use<'a> {
        let (mut is_apart, mut is_remark_here) = (from <= self.head, false);
        let is_vtt = self.is_vtt;
        self.lines[from..to].iter().copied().filter(move |line| {
            if is_blank(line) {
                (is_apart, is_remark_here) = (true, false);
                return false;
            }
            is_remark_here = is_remark_here || (is_vtt && is_apart && is_remark(line));
            is_apart = false;
            !is_remark_here
        })
    }

    /// Returns the line after the last line of a cue's text.
    fn end(&self, cue: usize) -> usize {
        self.cues
            .get(cue + 1)
            .map_or_else(|| self.lines.len() - usize::from(self.dangling().is_some()), |next| next.begin)
    }

    /// Returns the number of a cue that is cut off: the last line, where cues are numbered.
    fn dangling(&self) -> Option<usize> {
        let last = self.lines.len().checked_sub(1)?;
        let first = self.cues.first()?;
        let are_numbered = first.begin < first.times && is_number(self.lines[first.begin]);
        let is_apart = last > 0 && is_blank(self.lines[last - 1]);
        (are_numbered && is_apart && is_number(self.lines[last])).then_some(last)
    }

    /// Whether the file ends within a cue. An end within a cue's text cannot be detected.
    pub(super) fn is_cut(&self, ends_line: bool) -> bool {
        let Some(last) = self.lines.len().checked_sub(1).filter(|_| !ends_line) else { return false };
        let Some(cue) = self.cues.last() else { return self.text(self.head, self.lines.len()).next().is_some() };
        if self.text(cue.times + 1, self.lines.len()).next().is_none() {
            return cue::text_beside_times(self.lines[cue.times]).is_none();
        }
        // the beginning of a name, a number or times
        let first = self.cues.first().filter(|cue| cue.begin < cue.times).map(|cue| self.lines[cue.begin]);
        let are_named = first.is_some_and(|name| !is_number(name));
        let is_time_like = |line: &str| line.bytes().all(|byte| byte.is_ascii_digit() || b":.,-> ".contains(&byte));
        let line = self.lines[last];
        is_blank(self.lines[last - 1]) && !is_blank(line) && (are_named || is_time_like(line))
    }

    /// Returns the parts of the file in their order.
    pub(super) fn blocks(&self) -> Vec<Block<'a>> {
        let mut blocks = Vec::new();
        let first = self.cues.first().map_or(self.lines.len(), |cue| cue.begin);
        let stray = self.lines[self.head..first].split(|line| is_blank(line));
        let stray = stray.filter(|block| block.first().is_some_and(|line| !(self.is_vtt && is_remark(line))));
        blocks.extend(stray.map(Block::Stray));
        for (index, cue) in self.cues.iter().enumerate() {
            let end = self.end(index);
            blocks.push(Block::Cue {
                times: self.lines[cue.times],
                lines: &self.lines[cue.begin..end],
                text: cue::text_beside_times(self.lines[cue.times])
                    .into_iter()
                    .chain(self.text(cue.times + 1, end))
                    .collect(),
            });
        }
        blocks.extend(self.dangling().map(|line| Block::Stray(&self.lines[line..])));
        blocks
    }
}
