//! A reader in Rust; see README.md. `std::fs::read` is the way that is measured.
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if words.len() != 5 {
        eprintln!("usage: reader WAY TARGET PAUSE_MS SECONDS");
        std::process::exit(2);
    }
    let target = &words[2];
    let pause = Duration::from_millis(words[3].parse().expect("PAUSE_MS"));
    let seconds = Duration::from_secs_f64(words[4].parse().expect("SECONDS"));
    let (mut ok, mut missing, mut torn, mut changes) = (0u64, 0u64, 0u64, 0u64);
    let mut refused: BTreeMap<i32, u64> = BTreeMap::new();
    let mut before = Vec::new();

    println!("ready");
    std::io::stdout().flush().expect("stdout");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).expect("stdin");
    let begin = Instant::now();
    while begin.elapsed() < seconds {
        match std::fs::read(target) {
            Ok(now) => {
                if now.len() < 2 || now[0] != b'{' || now[now.len() - 1] != b'}' {
                    torn += 1;
                } else {
                    ok += 1;
                }
                if now != before {
                    changes += 1;
                    before = now;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => missing += 1,
            Err(error) => *refused.entry(error.raw_os_error().unwrap_or(0)).or_insert(0) += 1,
        }
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
    }
    let refused: Vec<String> = refused.iter().map(|(code, count)| format!("\"{code}\": {count}")).collect();
    println!(
        "{{\"ok\": {ok}, \"missing\": {missing}, \"torn\": {torn}, \"changes\": {changes}, \"refused\": {{{}}}}}",
        refused.join(", ")
    );
}
