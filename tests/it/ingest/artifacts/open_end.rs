//! Files whose end nothing shows: they have no length, and end with their connection.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tributary::app::polling::PollLine;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::fixed_feed::{Depth, FixedFile};

use super::world_with;
use crate::harness::at;

const HEADER: &str = "id,payloadType,payload\n";

/// A host that states no length and closes the connection after the body.
struct OpenHost {
    address: String,
    body: Arc<Mutex<String>>,
    task: tokio::task::JoinHandle<()>,
}

impl OpenHost {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let body: Arc<Mutex<String>> = Arc::default();
        let sent = Arc::clone(&body);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.is_ok_and(|read| read == 1) {
                    head.push(byte[0]);
                }
                let body = sent.lock().expect("no panic").clone();
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\n\r\n{body}");
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { address, body, task }
    }

    /// Sends this many messages from now on.
    fn send(&self, messages: usize) {
        let rows: Vec<String> = (0..messages).map(|n| format!("{n},TEXT_MESSAGE,Hello\n")).collect();
        self.set(&format!("{HEADER}{}", rows.concat()));
    }

    fn set(&self, body: &str) {
        body.clone_into(&mut self.body.lock().expect("no panic"));
    }

    /// Returns the answer of the API with a link to this host.
    fn link(&self, stream: &str) -> Fault {
        let link = format!("http://{}/{stream}", self.address);
        let data = json!({"success": true, "data": {format!("{stream}_download_url"): link}});
        Fault::new(Effect::json(200, &data.to_string())).only(&format!("/one/{stream}")).forever()
    }
}

impl Drop for OpenHost {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn of<'a>(lines: &'a [PollLine], stream: &str) -> &'a PollLine {
    lines.iter().find(|line| line.stream == stream).expect("a line")
}

#[tokio::test]
async fn f12_p13_a_file_without_a_length_is_settled_by_a_second_reading_a_day_later() {
    let depth = Depth { chat: FixedFile::ready(HEADER), ..Depth::default() };
    let (world, simulator, _) = world_with(depth).await;
    let host = OpenHost::start().await;
    simulator.script(vec![host.link("chat")]);
    // cut at the end of a row, an hour after the session: time, sent messages, stored messages, and whether it is owed
    let readings = [
        ("2026-03-10T12:00:00Z", 2, 2, true),
        ("2026-03-10T12:10:00Z", 2, 2, true),
        // the reading two hours after the end is cut even earlier
        ("2026-03-10T13:02:00Z", 1, 2, true),
        // a day later it is longer
        ("2026-03-11T13:03:00Z", 3, 3, true),
        ("2026-03-12T13:02:00Z", 3, 3, true),
        ("2026-03-12T13:04:00Z", 3, 3, false),
    ];
    for (now, sent, stored, is_owed) in readings {
        host.send(sent);
        world.clock.set(at(now));
        let lines = world.poll().await;
        assert_eq!(world.number("select count(*) from core.messages").await, stored, "{now}");
        assert_eq!(world.state("chat").await.0, "available", "{now}");
        let line = of(&lines, "chat");
        assert_eq!((line.is_complete(), line.owed), (!is_owed, i64::from(is_owed)), "{now}: {line:?}");
        assert_eq!(is_owed, line.detail.as_deref().is_some_and(|detail| detail.contains("1 no_length")), "{line:?}");
    }
    assert_eq!(world.state("chat").await.1, "");
}

#[tokio::test]
async fn f12_p13_a_file_without_a_length_that_differs_each_time_is_kept_as_it_is_after_ten_tries() {
    let depth = Depth { chat: FixedFile::ready(HEADER), ..Depth::default() };
    let (world, simulator, _) = world_with(depth).await;
    let host = OpenHost::start().await;
    simulator.script(vec![host.link("chat")]);
    for day in 0..12 {
        host.send(if day == 0 { 3 } else { 2 });
        world.clock.set(at("2026-03-10T12:00:00Z") + chrono::TimeDelta::days(day));
        let lines = world.poll().await;
        assert_eq!(world.number("select count(*) from core.messages").await, 3, "{day}");
        // a stream that owes nothing and had nothing to try has no line
        let owed = lines.iter().find(|line| line.stream == "chat").map_or(0, |line| line.owed);
        assert_eq!(owed, i64::from(day < 9), "{day}: {lines:?}");
    }
}

/// JSON ends with its bracket, with or without a length.
#[tokio::test]
async fn f12_json_without_a_length_shows_its_end_itself() {
    let (world, simulator, _) = world_with(Depth::default()).await;
    let host = OpenHost::start().await;
    host.set(r#"[{"startTime": 1000, "sentence": "Hello"}]"#);
    simulator.script(vec![host.link("transcript")]);
    let lines = world.poll().await;
    assert!(of(&lines, "transcript").is_complete(), "{lines:?}");
    assert_eq!(world.number("select count(*) from core.transcript_segments").await, 1);
}
