//! Texts of generated meetings.
//!
//! They contain what readers of files get wrong: commas, quotes, line breaks, emoji, several scripts, and texts that
//! a spreadsheet would take for a formula. `{}` stands for a number. This module does not depend on meetings.

/// Spoken sentences.
pub(super) static SPOKEN: [&str; 32] = [
    "Good afternoon, shall we start?",
    "Can everybody hear me?",
    "I have \"two\" blockers, both small.",
    "We are at {} percent, which is more than we hoped for.",
    "Yes.",
    "No, not yet.",
    "Let me share my screen: can you see the page?",
    "Bonjour à tous",
    "Ich würde gern noch einmal auf Punkt {} zurückkommen, wenn das für alle in Ordnung ist.",
    "Perfecto, lo vemos la semana que viene.",
    "それでは始めましょう。",
    "次の議題に進みます",
    "هل يسمعني الجميع؟",
    "Спасибо, всё понятно.",
    "So, to sum up: Ben takes the rollout, Ana writes the notes, and we meet again on the {}th.",
    "(overlapping) great",
    "That is a good question, and I am not sure I know the answer.\nLet me come back to you tomorrow.",
    "=SUM(A1:A9), as the sheet says",
    "+{} on that",
    "Sorry, I was on mute 🙈",
    "Could you repeat that, please?",
    "The customer said, and I quote, \"never again\".",
    "Okay, okay, let's take that offline.",
    "Next slide, please.",
    "What about the budget? It was {},000 last year; it can't be less now.",
    "👍",
    "I'd rather we did it properly, even if it takes a week longer than planned.",
    "Há mais alguma dúvida?",
    "@Dev, that one is yours",
    "-- sorry, go ahead --",
    "Obrigada, até amanhã 👋",
    "We'll stop here. Thank you all, and have a good evening!",
];

/// Written messages.
pub(super) static WRITTEN: [&str; 14] = [
    "Hello everyone 👋",
    "Line one\nline two, with a comma and a \"quote\"",
    "=SUM(A1:A9)",
    "",
    "https://example.com/agenda?item={}&lang=en",
    "こんにちは",
    "مرحبا بالجميع",
    "<b>R&D</b> will join at {}:30",
    "+1",
    "Windows says:\r\n\"access denied\"",
    "Kann jemand den Link noch einmal schicken?",
    "  two spaces before and after  ",
    "brb; back in {} min",
    "Thanks! ❤️",
];

/// Sentences of summaries.
pub(super) static POINTS: [&str; 8] = [
    "Two small blockers were raised.",
    "The rollout moves to the week after next.",
    "The budget of \"last year\" is kept, with a reserve of {} percent.",
    "Customers ask for an export, mostly as CSV.",
    "Nobody objected to the new on-call plan.",
    "数学 II の宿題は金曜日まで。",
    "The demo will be shown to {} customers, then to all.",
    "Open question: who owns the old room names?",
];
