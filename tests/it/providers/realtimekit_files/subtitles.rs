//! Subtitles in the forms that different programs write.

use super::*;

/// Returns the utterances of a file without rejects.
async fn read(file: &[u8]) -> Vec<Utterance> {
    let meeting = Meeting::with_transcript(file, &[]).await;
    assert!(meeting.line("transcript").is_complete(), "{:?}", meeting.line("transcript"));
    assert!(meeting.rejects().await.is_empty());
    meeting.utterances().await
}

#[tokio::test]
async fn f86_a_first_cue_directly_below_the_head_is_read() {
    let expected = [
        utterance(1000, 4000, "Ana Souza", 6, "Shall we start with the budget"),
        utterance(5000, 7000, "Ben Okafor", 2, "Yes please"),
        utterance(8000, 9000, "Ana Souza", 1, "Good"),
    ];
    assert_eq!(read(case!("first_cue_below_the_head.vtt")).await, expected);
}

#[tokio::test]
async fn f86_cues_without_a_blank_line_between_them_are_separated() {
    let expected = [
        utterance(1000, 4000, "Ana Souza", 3, "Shall we start"),
        utterance(5000, 7000, "Ben Okafor", 3, "Yes please do"),
        utterance(8000, 9000, "Ana Souza", 1, "Good"),
    ];
    assert_eq!(read(case!("no_blank_lines_between_cues.vtt")).await, expected);
    // the same as SRT, with its numbers, and cut at the arrow by another line end
    let srt = "1\r00:00:01,000 --> 00:00:04,000\r<v Ana Souza>Shall we start</v>\r2\r00:00:05,000 --> 00:00:07,000\r\
               <v Ben Okafor>Yes please do</v>\r3\r00:00:08,000 --> 00:00:09,000\r<v Ana Souza>Good</v>\r";
    assert_eq!(read(srt.as_bytes()).await, expected);
}

#[tokio::test]
async fn f86_text_below_a_blank_line_belongs_to_its_cue() {
    let expected = [
        utterance(1000, 4000, "Ana Souza", 3, "Shall we start"),
        utterance(5000, 7000, "Ben Okafor", 8, "Yes please\nand the second paragraph of Ben"),
    ];
    assert_eq!(read(case!("blank_lines_within_cues.vtt")).await, expected);
}

#[tokio::test]
async fn f86_voices_and_references_are_read_as_the_standard_has_them() {
    let teams = [
        utterance(3310, 6830, "Ana Souza", 6, "Good morning & welcome\nto the review."),
        utterance(5000, 8000, "Ben O'Neil", 7, "Hi, is it <10 or 3 > 2?"),
        utterance(7500, 9000, "Ana Souza", 1, "Ten"),
        utterance(7500, 9000, "Chlo\u{e9} Martin", 2, "No: nine"),
    ];
    assert_eq!(read(case!("teams.vtt")).await, teams);
    let zoom = [
        utterance(5790, 13514, "Ana Souza", 3, "Lorem ipsum dolor"),
        utterance(13600, 14000, "", 2, "sit amet"),
        utterance(3_600_000, 3_602_000, "Ben Okafor (he/him)", 1, "Done"),
    ];
    assert_eq!(read(case!("zoom.vtt")).await, zoom);
    // named, decimal, hexadecimal, without a semicolon, of two characters, unknown, and a code that is no character
    let file = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Zo&euml; D&#x2019;Arc><c.loud>&hellip;caf&eacute;</c> &copy 2026 \
                &NotEqualTilde; &nosuch; AT&T &#0; &#8364;</v>\n";
    let expected = "\u{2026}caf\u{e9} \u{a9} 2026 \u{2242}\u{338} &nosuch; AT&T \u{fffd} \u{20ac}";
    assert_eq!(read(file.as_bytes()).await, [utterance(1000, 2000, "Zo\u{eb} D\u{2019}Arc", 5, expected)]);
}

#[tokio::test]
async fn f86_notes_styles_and_settings_are_no_text() {
    let file = "\u{feff}WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\nLanguage: en\n\nNOTE\nof two lines\n\n\
        STYLE\n::cue { color: white }\n\nREGION\nid:top\n\nthe name of a cue\n00:01,5 --> 00:02.1234567 line:0 align:start\n\
        press A --> B\n\nNOTE in between\n\n1:00:00.000 -->\nThe end is missing\n\nanother name\n00:03.000 --> 00:04.000\n\
        10:00 --> 11:00 suits me\nNOTE that this is said\n\n00:05.000 --> 00:06.000\n\nlast\n00:00.000 --> 00:00.500\nEarlier\n";
    let mut unended = utterance(3_600_000, 0, "", 4, "The end is missing");
    unended.1 = None;
    let expected = [
        utterance(1500, 2123, "", 3, "press A --> B"),
        unended,
        utterance(3000, 4000, "", 11, "10:00 --> 11:00 suits me\nNOTE that this is said"),
        utterance(0, 500, "", 1, "Earlier"),
    ];
    assert_eq!(read(file.as_bytes()).await, expected);
}

#[tokio::test]
async fn f86_a_number_that_was_said_is_no_number_of_a_cue() {
    // these cues have no numbers
    let file = "00:00:01,000 --> 00:00:02,000\nHow many?\n00:00:03,000 --> 00:00:04,000\n42\n00:00:05,000 --> 00:00:06,000\nOk\n";
    let expected = [
        utterance(1000, 2000, "", 2, "How many?"),
        utterance(3000, 4000, "", 1, "42"),
        utterance(5000, 6000, "", 1, "Ok"),
    ];
    assert_eq!(read(file.as_bytes()).await, expected);
    // these have, apart from their times
    let file = "1\n\n00:00:01,000 --> 00:00:02,000\n\nHow many?\n\n2\n\n00:00:03,000 --> 00:00:04,000\n\n42\n\n3\n\n\
                00:00:05,000 --> 00:00:06,000\nOk\n";
    assert_eq!(read(file.as_bytes()).await, expected);
    // these have one word each below a blank line, and no names
    let file = "WEBVTT\n\n00:01.000 --> 00:02.000\n\nHow many?\n00:03.000 --> 00:04.000\n\n42\n\n00:05.000 --> 00:06.000\n\nOk\n";
    assert_eq!(read(file.as_bytes()).await, expected);
}

#[tokio::test]
async fn f86_p05_a_bad_cue_costs_no_other() {
    let file = "WEBVTT\n\nstray text\n\n00:01.000 --> 00:02.000\nOne\n\n00:61.000 --> 00:62.000\nof no time\n\
                00:03.000 --> 00:04.000\nTwo\n";
    let meeting = Meeting::with_transcript(file.as_bytes(), &[]).await;
    assert!(meeting.line("transcript").is_complete());
    assert_eq!(meeting.said().await, [said("", "One"), said("", "Two")]);
    let expected = [("unreadable_time", "00:61.000 --> 00:62.000\nof no time"), ("missing_field", "stray text")];
    assert_eq!(meeting.rejects().await, expected.map(|(code, text)| (code.to_owned(), text.to_owned())));
}

#[tokio::test]
async fn f86_words_are_counted_in_every_script() {
    let han = "\u{4eca}".repeat(45);
    let file = format!(
        "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Li>{han}\u{3002}\n\n00:02.000 --> 00:03.000\n<v Ana>That was long!\n\n\
         00:03.000 --> 00:04.000\n<v Ben>\u{1f44d} -- R&amp;D can't wait 2.5 weeks\n"
    );
    let words: Vec<i32> = read(file.as_bytes()).await.into_iter().map(|(_, _, _, words, _)| words).collect();
    // R, D, can't, wait, 2.5, weeks
    assert_eq!(words, [45, 3, 6]);
}
