//! Dimensions: the attributes that metric values can be grouped by.
//!
//! A dimension belongs to the source, to the session, or to rows of one kind only. A session has many presences,
//! speakers and steps. Grouped by one of these, metrics whose rows have the dimension are computed row by row, and
//! sessions are counted once in each group, so that groups overlap and must not be added; sums over sessions are
//! refused. One line each.

use crate::model::stream::Stream;
use crate::query::catalog::Source;
use crate::query::metrics::column::prelude::*;
use crate::query::metrics::requires::{Applicability, Requires};

/// The entity that a dimension belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The source.
    Source,
    /// The session.
    Session,
    /// The time that puts a row into a bucket, on the clock of the query's zone.
    Clock,
    /// A presence in a session.
    Presence,
    /// The quality report of a presence.
    Report,
    /// A step of a chat.
    Trail,
    /// A speaker of a transcript.
    Speaker,
    /// A message.
    Message,
    /// A person, in the weeks after the person's first session.
    Cohort,
}

macro_rules! dimensions {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $level:ident, $column:expr, $requires:expr;)+) => {
        /// The attributes that metric values can be grouped by.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Dimension {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Dimension {
            /// All dimensions.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Returns the name in requests and answers.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Returns the entity that it belongs to.
            pub fn level(self) -> Level {
                match self { $(Self::$variant => Level::$level,)+ }
            }

            /// Returns its column in the rows; `None` if it belongs to the source.
            pub(super) fn column(self) -> Option<Expr> {
                match self { $(Self::$variant => $column,)+ }
            }

            /// Returns what a source must have to know its values.
            pub(super) fn requires(self) -> Requires {
                match self { $(Self::$variant => $requires,)+ }
            }
        }
    };
}

const PARTICIPANTS: Requires = Requires::PerSession(Stream::Participants);
const TRANSCRIPT: Requires = Requires::PerSession(Stream::Transcript);
const QUALITY: Requires = Requires::PerSession(Stream::Quality);

dimensions! {
    /// Kind of platform.
    Provider = "provider", Source, None, Requires::Nothing;
    /// Slug of the source.
    Source = "source", Source, None, Requires::Nothing;
    /// Way of contact.
    Channel = "channel", Session, Some(CHANNEL), Requires::Chats;
    /// Outcome of the session.
    Outcome = "outcome", Session, Some(OUTCOME), Requires::Nothing;
    /// Avatar, chat, meeting or livestream.
    SessionKind = "session_kind", Session, Some(SESSION_KIND), Requires::Nothing;
    /// Live, ended, open, never started or unknown.
    SessionState = "session_state", Session, Some(SESSION_STATE), Requires::Nothing;
    /// Basis of the metered minutes of the session.
    MinutesBasis = "minutes_basis", Session, Some(MINUTES_BASIS), Requires::Minutes;
    /// Day of the week in the query's zone, 1 (Monday) to 7.
    LocalWeekday = "local_weekday", Clock, Some(expr!("to_char(" PLACED_AT " at time zone " ZONE ", 'ID')")), Requires::Nothing;
    /// Hour of the day in the query's zone, 00 to 23.
    LocalHour = "local_hour", Clock, Some(expr!("to_char(" PLACED_AT " at time zone " ZONE ", 'HH24')")), Requires::Nothing;
    /// Avatar that was shown.
    AvatarId = "avatar_id", Session, Some(AVATAR_ID), Requires::Launches;
    /// Voice of the avatar.
    VoiceName = "voice_name", Session, Some(VOICE_NAME), Requires::Launches;
    /// Kind of key that the session was created with.
    ApiKeyType = "api_key_type", Session, Some(API_KEY_TYPE), Requires::Launches;
    /// Workspace of the chat.
    WorkspaceId = "workspace_id", Session, Some(WORKSPACE_ID), Requires::Chats;
    /// Feed that the chat came from.
    FeedId = "feed_id", Session, Some(FEED_ID), Requires::Chats;
    /// Skill that handled the chat.
    SkillType = "skill_type", Session, Some(SKILL_TYPE), Requires::Chats;
    /// Subject of the chat.
    SubIntentType = "sub_intent_type", Session, Some(SUB_INTENT_TYPE), Requires::Chats;
    /// App of the meeting.
    AppId = "app_id", Session, Some(APP_ID), Requires::Meetings;
    /// Meeting the session belongs to.
    MeetingId = "meeting_id", Session, Some(MEETING_ID), Requires::Meetings;
    /// The provider's own word for the kind of meeting.
    SessionType = "session_type", Session, Some(SESSION_TYPE), Requires::Meetings;
    /// Reason for the difference between the billed minutes and those of the participants.
    UnexplainedClass = "unexplained_minutes_class", Session, Some(UNEXPLAINED_MINUTES_CLASS), PARTICIPANTS;
    /// State of the session's transcript.
    TranscriptState = "transcript_state", Session, Some(TRANSCRIPT_STATE), TRANSCRIPT;
    /// Permissions of a participant.
    PresetName = "preset_name", Presence, Some(PRESET_NAME), PARTICIPANTS;
    /// Country of a participant, ISO 3166 alpha-2.
    CountryCode = "country_code", Report, Some(COUNTRY_CODE), QUALITY;
    /// Operating system of a participant.
    DeviceOs = "device_os", Report, Some(DEVICE_OS), QUALITY;
    /// Kind of network of a participant.
    NetworkType = "network_type", Report, Some(NETWORK_TYPE), QUALITY;
    /// Kind of step of a chat through the AI's skills.
    TrailStep = "trail_step", Trail, Some(STEP_TYPE), Requires::Chats;
    /// Author of a message: user, assistant, participant or unknown.
    SenderRole = "sender_role", Message, Some(SENDER_ROLE), Requires::Messages;
    /// Pseudonym of the speaker.
    SpeakerId = "speaker_id", Speaker, Some(SPEAKER_ID), TRANSCRIPT;
    /// Weeks since the person's first session, 1 to 12.
    AgeWeeks = "age_weeks", Cohort, Some(expr!(AGE_WEEKS "::text")), Requires::People;
    /// Video quality of an avatar started through this service.
    LaunchQuality = "launch_quality", Session, Some(LAUNCH_QUALITY), Requires::Launches;
    /// Voice of an avatar started through this service.
    LaunchVoice = "launch_voice", Session, Some(LAUNCH_VOICE), Requires::Launches;
    /// Speech-to-text provider of an avatar started through this service.
    LaunchSttProvider = "launch_stt_provider", Session, Some(LAUNCH_STT_PROVIDER), Requires::Launches;
    /// Idle time-out of an avatar started through this service, seconds.
    LaunchIdleTimeout = "launch_idle_timeout_seconds", Session, Some(expr!(LAUNCH_IDLE_TIMEOUT_SECONDS "::text")), Requires::Launches;
    /// Longest duration of an avatar session started through this service, seconds.
    LaunchDurationLimit = "launch_duration_limit_seconds", Session, Some(expr!(LAUNCH_DURATION_LIMIT_SECONDS "::text")), Requires::Launches;
}

impl Dimension {
    /// Returns the dimension of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.as_str() == text)
    }

    /// Returns whether a source can have one of these values; without any, whether it can have a value at all.
    pub(super) fn can_have(self, source: &Source, values: &[String]) -> bool {
        match self {
            Self::Outcome => source.can_hold(&[], values),
            Self::SessionKind => source.can_hold(values, &[]),
            other => other.requires().of(source) != Applicability::NotApplicable,
        }
    }

    /// Returns whether a session can have several values of it, so that a total is not the sum of its groups.
    pub fn is_overlapping(self) -> bool {
        matches!(self.level(), Level::Presence | Level::Report | Level::Trail | Level::Speaker | Level::Cohort)
    }
}
