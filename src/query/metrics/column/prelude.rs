//! The columns of views that metrics use, by name.
//!
//! `own`: the row itself or its source holds the column. `narrow`: `ingest.narrow_sessions` has it, as it has all that
//! sessions own. `kept`: its earlier values are recorded. A test compares them with the views.

pub(crate) use crate::query::metrics::column::expr;
pub use crate::query::metrics::column::{Column, Expr, Piece, Table};

macro_rules! columns {
    ($($table:ident { $($const:ident $name:ident $($mark:ident)*;)+ })+) => {
        $($(
            #[doc = concat!("`", stringify!($name), "`")]
            pub const $const: Expr = Expr { pieces: &[Piece::Column(columns!(@ $table $name $($mark)*))] };
        )+)+
        /// All columns.
        pub const ALL: &[Column] = &[$($(columns!(@ $table $name $($mark)*)),+),+];
    };
    (@ $table:ident $name:ident) => { columns!(@ $table $name false false false) };
    (@ $table:ident $name:ident kept) => { columns!(@ $table $name false false true) };
    (@ $table:ident $name:ident narrow) => { columns!(@ $table $name false true false) };
    (@ $table:ident $name:ident narrow kept) => { columns!(@ $table $name false true true) };
    (@ $table:ident $name:ident own kept) => { columns!(@ $table $name true true true) };
    (@ $table:ident $name:ident own) => { columns!(@ $table $name true true false) };
    (@ $table:ident $name:ident $is_own:literal $is_narrow:literal $is_kept:literal) => {
        Column {
            of: Table::$table,
            name: stringify!($name),
            is_own: $is_own,
            is_narrow: $is_narrow,
            is_kept: $is_kept,
        }
    };
}

columns! {
    Session {
        STARTED_AT started_at own kept;
        ENDED_AT ended_at own kept;
        COMPLETED_AT completed_at own kept;
        CREATED_AT created_at own;
        SOURCE_ID source_id own kept;
        SESSION_KIND session_kind own kept;
        SESSION_STATE session_state own kept;
        OUTCOME outcome own kept;
        CHANNEL channel own kept;
        DURATION_SECONDS duration_seconds own kept;
        MINUTES_CONSUMED minutes_consumed own kept;
        MINUTES_BASIS minutes_basis own kept;
        IS_PROVISIONAL is_provisional own kept;
        LAST_ACTIVITY_AT last_activity_at own kept;
        MESSAGE_SUPPORT message_support own kept;
        PERSON_ID person_id narrow kept;
        MESSAGE_COUNT message_count narrow kept;
        USER_MESSAGE_COUNT user_message_count narrow;
        ASSISTANT_MESSAGE_COUNT assistant_message_count narrow;
        FIRST_RESPONSE_SECONDS first_response_seconds narrow;
        REPLY_SECONDS reply_seconds narrow;
        TURN_COUNT turn_count narrow;
        IS_UNANSWERED is_unanswered narrow;
        ACTIVE_SECONDS active_seconds narrow;
        UNTIMED_MESSAGE_COUNT untimed_message_count narrow;
        LAST_MESSAGE_AT last_message_at narrow;
        LAST_SENDER_ROLE last_sender_role narrow;
        IS_CONNECTED is_connected;
        IS_NEVER_STARTED is_never_started;
        IS_HANDED_OFF is_handed_off;
        TRAIL_LENGTH trail_length;
        AVATAR_ID avatar_id;
        VOICE_NAME voice_name;
        API_KEY_TYPE api_key_type;
        WORKSPACE_ID workspace_id;
        FEED_ID feed_id;
        SKILL_TYPE skill_type;
        SUB_INTENT_TYPE sub_intent_type;
        APP_ID app_id;
        MEETING_ID meeting_id;
        SESSION_TYPE session_type;
        LIVE_PARTICIPANTS live_participants narrow;
        TOTAL_PARTICIPANTS total_participants;
        PARTICIPANT_COUNT participant_count narrow;
        PERSON_COUNT person_count;
        PARTICIPANT_MINUTES participant_minutes;
        UNKNOWN_DURATION_COUNT unknown_duration_count;
        UNEXPLAINED_MINUTES unexplained_minutes;
        UNEXPLAINED_MINUTES_CLASS unexplained_minutes_class;
        ATTENDED_SECONDS attended_seconds;
        REJOINED_PERSON_COUNT rejoined_person_count;
        FIRST_JOINED_AT first_joined_at;
        CHAT_STATE chat_state narrow;
        TRANSCRIPT_STATE transcript_state;
        SUMMARY_STATE summary_state;
        TRANSCRIPT_WORD_COUNT transcript_word_count;
        LAUNCH_QUALITY launch_quality;
        LAUNCH_VOICE launch_voice;
        LAUNCH_STT_PROVIDER launch_stt_provider;
        LAUNCH_IDLE_TIMEOUT_SECONDS launch_idle_timeout_seconds;
        LAUNCH_DURATION_LIMIT_SECONDS launch_duration_limit_seconds;
    }
    Message {
        SENT_AT sent_at own;
        SENDER_ROLE sender_role own;
        WORD_COUNT word_count own;
    }
    Presence {
        JOINED_AT joined_at;
        LEFT_AT left_at;
        PRESENCE_SECONDS duration_seconds;
        IS_REJOIN is_rejoin;
        PRESET_NAME preset_name;
    }
    Report {
        HAS_REPORT has_report;
        AUDIO_MOS_AVG audio_mos_avg;
        AUDIO_IN_MOS_AVG audio_in_mos_avg;
        AUDIO_OUT_LOSS_OVER_5_RATE audio_out_loss_over_5_rate;
        AUDIO_OUT_PACKET_LOSS_AVG audio_out_packet_loss_avg;
        AUDIO_OUT_RTT_MS_AVG audio_out_rtt_ms_avg;
        AUDIO_OUT_RTT_OVER_250_RATE audio_out_rtt_over_250_rate;
        VIDEO_OUT_FPS_AVG video_out_fps_avg;
        COUNTRY_CODE country_code;
        DEVICE_OS device_os;
        NETWORK_TYPE network_type;
    }
    Visit {
        VISITED_AT started_at;
        VISIT_SOURCE_ID source_id;
        VISITOR visitor;
        VISIT_PERSON_ID person_id;
        IS_IDENTIFIED is_identified;
        FIRST_VISIT_AT first_visit_at;
    }
    Week { AGE_WEEKS age_weeks; }
    Return { CAME_IN_WEEK came_in_week; }
    Speaker {
        SPEAKER_ID speaker_id;
        WORDS words;
        SPEAKING_SECONDS speaking_seconds;
        ALL_SPEAKING_SECONDS all_speaking_seconds;
    }
    Reply { SECONDS seconds; }
    Step { STEP_TYPE step_type; }
    Change {
        CHANGED_AT changed_at;
        OLD_VALUE old_value;
        NEW_VALUE new_value;
    }
    Cost {
        COST cost;
        IS_PRICED is_priced;
        ROUNDED_MINUTES rounded_minutes;
        UNPRICED_MINUTES unpriced_minutes;
    }
    Staleness { IS_STALE is_stale; }
    Instant { AT at; }
    Moment {
        NOW now own kept;
        ZONE zone kept;
    }
    Bucket { BUCKET_START bucket_start; }
    Placed { PLACED_AT at kept; }
    Elsewhere {
        OF_SESSIONS sessions;
    }
}

/// Columns of rows that belong to a source and to no session, which have the alias of sessions.
macro_rules! columns_of_sources {
    ($($const:ident $name:ident;)+) => {
        $(
            #[doc = concat!("`", stringify!($name), "`")]
            pub const $const: Expr = Expr { pieces: &[Piece::Column(columns!(@ Session $name))] };
        )+
    };
}

columns_of_sources! {
    COMPLETE_THROUGH complete_through;
    STORED_SESSION_COUNT stored_session_count;
    PROVIDER_SESSION_COUNT provider_session_count;
    RESOLVED_AT resolved_at;
    RECORD_COUNT record_count;
    KIND kind;
    VERDICT verdict;
    FIRST_SEEN_AT first_seen_at;
    WINDOW_FROM window_from;
}
