//! Serves a crate to the conformance kit: one JSON request per line on stdin, one answer per line on stdout
//! (SPEC.md, "Mode serve"). The argument names the crate. It adds nothing to it: no option, no retry, no check.

use serde_json::{json, Value};
use std::io::{self, BufRead, Write};
use std::path::Path;

type Save = fn(&str, &str) -> io::Result<()>;

fn atomicwrites(path: &str, text: &str) -> io::Result<()> {
    let file = atomicwrites::AtomicFile::new(path, atomicwrites::AllowOverwrite);
    file.write(|file| file.write_all(text.as_bytes())).map_err(io::Error::from)
}

fn atomic_write_file(path: &str, text: &str) -> io::Result<()> {
    let mut file = atomic_write_file::AtomicWriteFile::open(path)?;
    file.write_all(text.as_bytes())?;
    file.commit()
}

// `persist` renames and no more; its documentation leaves a sync to the caller, and says nothing of the folder.
fn tempfile(path: &str, text: &str) -> io::Result<()> {
    let folder = Path::new(path).parent().filter(|folder| *folder != Path::new(""));
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn answer(save: Save, about: &Value, request: &Value) -> Value {
    match request["op"].as_str() {
        Some("start") => about.clone(),
        Some("stop") => json!({"ok": true}),
        Some("replace") => {
            let (path, text) = (request["path"].as_str().unwrap(), request["text"].as_str().unwrap());
            match save(path, text) {
                Ok(()) => json!({"ok": true}),
                Err(error) => json!({"ok": false, "error": "io", "message": error.to_string()}),
            }
        }
        _ => json!({"ok": false, "error": "unsupported"}),
    }
}

fn main() -> io::Result<()> {
    let name = std::env::args().nth(1).expect("the name of a crate");
    let (save, version): (Save, &str) = match name.as_str() {
        "atomicwrites" => (atomicwrites, "0.4.4"),
        "atomic-write-file" => (atomic_write_file, "0.3.1"),
        "tempfile" => (tempfile, "3.27.0"),
        _ => panic!("no crate {name}"),
    };
    let about = json!({"ok": true, "protocol": 1, "name": name, "version": version, "language": "rust"});
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let mut reply = answer(save, &about, &request);
        reply["id"] = request["id"].clone();
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{reply}")?;
        stdout.flush()?;
        if request["op"] == "stop" {
            break;
        }
    }
    Ok(())
}
