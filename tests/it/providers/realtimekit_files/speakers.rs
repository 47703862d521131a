//! Speakers whose names are in the text of subtitles.

use super::*;

const BOTH: [&str; 2] = ["Ana Souza", "Ben Okafor"];

/// Returns a cue a second with each of these texts.
fn srt(texts: &[&str]) -> Vec<u8> {
    let cue =
        |(number, text): (usize, &&str)| format!("{0}\n00:00:{0:02},000 --> 00:00:{0:02},900\n{text}\n\n", number + 1);
    texts.iter().enumerate().map(cue).collect::<String>().into_bytes()
}

#[tokio::test]
async fn f86_sentences_with_colons_have_no_other_speakers() {
    let expected = [
        said("Ana Souza", "On the integration question you raised: we already speak to them"),
        said("", "and that leads me to the second point: price"),
        said("Ben Okafor", "Fine"),
        said("", "the meeting is at 10: 30 tomorrow"),
    ];
    // whether their names are known or not
    for participants in [&BOTH[..], &[]] {
        let meeting = Meeting::with_transcript(case!("sentences_with_colons.srt"), participants).await;
        assert_eq!(meeting.said().await, expected, "{participants:?}");
        assert_eq!(meeting.counted().await, (2, 28));
    }
}

#[tokio::test]
async fn f86_a_name_is_a_participants_or_recurs() {
    let file = srt(&[
        "ana: hello",
        "BEN  OKAFOR (he/him): hello to you",
        "Next Steps: price",
        "Note: bring the report",
        "Carla Dias: I was not listed",
        "Carla Dias: and am here",
        "Question: who pays? Question: who knows",
        "https://example.com: is our page",
        "10: 30 suits me",
        "10: 45 too",
        "what I mean is: no",
        "what I mean is: yes",
        "Is that so? Ana: yes",
        "Is that so? Ana: no",
        "Unknown: a guest",
    ]);
    let meeting = Meeting::with_transcript(&file, &["Ana", "Ben Okafor"]).await;
    let expected = [
        said("ana", "hello"),
        said("BEN  OKAFOR (he/him)", "hello to you"),
        said("", "Next Steps: price"),
        said("", "Note: bring the report"),
        said("Carla Dias", "I was not listed"),
        said("Carla Dias", "and am here"),
        said("", "Question: who pays? Question: who knows"),
        said("", "https://example.com: is our page"),
        said("", "10: 30 suits me"),
        said("", "10: 45 too"),
        said("", "what I mean is: no"),
        said("", "what I mean is: yes"),
        said("", "Is that so? Ana: yes"),
        said("", "Is that so? Ana: no"),
        said("Unknown", "a guest"),
    ];
    assert_eq!(meeting.said().await, expected);
    assert_eq!(meeting.counted().await.0, 4);
}

#[tokio::test]
async fn f86_participants_that_come_later_name_the_same_speakers() {
    let file =
        srt(&["Ana Souza: Good morning", "Next Steps: price", "maria:\nfine", "Chief Officer: my title", "so: no"]);
    let participants = ["Ana Souza", "Maria", "Li"];
    let at_once = Meeting::with_transcript(&file, &participants).await;
    let later = Meeting::with_transcript(&file, &[]).await;
    let by_form = [
        said("Ana Souza", "Good morning"),
        said("Next Steps", "price"),
        said("", "maria: fine"),
        said("Chief Officer", "my title"),
        said("", "so: no"),
    ];
    assert_eq!(later.said().await, by_form, "nothing but the form of a name is known");
    assert_eq!(later.counted().await, (3, 9));
    later.feed.edit_depth("one", |depth| depth.participants = people(&participants));
    // two hours after the end the artifacts of a session are fetched once more
    later.world.clock.set(at("2026-03-10T13:25:00Z"));
    later.world.poll().await;
    let by_participants = [
        said("Ana Souza", "Good morning"),
        said("", "Next Steps: price"),
        said("maria", "fine"),
        said("", "Chief Officer: my title"),
        said("", "so: no"),
    ];
    assert_eq!(at_once.said().await, by_participants);
    assert_eq!(later.said().await, by_participants);
    assert_eq!(later.utterances().await, at_once.utterances().await);
    assert_eq!((later.counted().await, at_once.counted().await), ((2, 12), (2, 12)));
    let named =
        "select string_agg((speaker_id is not null)::int::text, '' order by position) from core.transcript_segments";
    assert_eq!(later.world.text(named).await.as_deref(), Some("10100"));
}

#[tokio::test]
async fn f86_other_marks_than_a_colon_and_a_space_need_a_participant() {
    let file = srt(&[
        "Ana Souza:hi",
        "Ben Okafor\u{ff1a}\u{4f60}\u{597d}",
        "[Ana Souza] back again",
        "[Ben Okafor]: and so am I",
        "[applause] thanks",
        "Agenda:price",
        "see https://example.com",
        "10:30 suits me",
        "Ana Souza:",
    ]);
    let whole = [
        said("", "Ana Souza:hi"),
        said("", "Ben Okafor\u{ff1a}\u{4f60}\u{597d}"),
        said("", "[Ana Souza] back again"),
        said("", "[Ben Okafor]: and so am I"),
        said("", "[applause] thanks"),
        said("", "Agenda:price"),
        said("", "see https://example.com"),
        said("", "10:30 suits me"),
        said("", "Ana Souza:"),
    ];
    assert_eq!(Meeting::with_transcript(&file, &["Carla Dias"]).await.said().await, whole);
    let mut named = whole;
    named[0] = said("Ana Souza", "hi");
    named[1] = said("Ben Okafor", "\u{4f60}\u{597d}");
    named[2] = said("Ana Souza", "back again");
    named[3] = said("Ben Okafor", "and so am I");
    let meeting = Meeting::with_transcript(&file, &BOTH).await;
    assert_eq!(meeting.said().await, named);
    assert_eq!(meeting.counted().await.0, 2);
}
