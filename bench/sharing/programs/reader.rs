//! A reader in Rust, with `std::fs::read`: reader TARGET PAUSE_MS; see ../reader.py.
use std::time::Duration;

fn outcome(target: &str) -> String {
    match std::fs::read(target) {
        Ok(data) if data.len() > 1 && data[0] == b'{' && data[data.len() - 1] == b'}' => "ok".into(),
        Ok(_) => "torn".into(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "missing".into(),
        Err(error) => error.raw_os_error().unwrap_or(0).to_string(),
    }
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let pause = Duration::from_millis(words[2].parse().expect("PAUSE_MS"));
    loop {
        println!("{}", outcome(&words[1]));
        std::thread::sleep(pause);
    }
}
