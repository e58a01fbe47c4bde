//! The writer: a document is published whole, by one rename, or not at all.

use crate::document::TrainingStatus;
use crate::{platform, Error};
use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const LONGEST_CHAIN: usize = 40; // links that Linux follows before it gives up

/// Write `status` to `path`: readers see the old document or the new one, through crashes, full disks and power cuts.
///
/// A symbolic link is followed. Mode, owner, group and access list of an existing file are kept as far as the system
/// permits. The folder must exist, and nothing but a regular file is replaced.
///
/// Where the size of files is limited (`ulimit -f`), the program must ignore SIGXFSZ, which would kill it in the middle of
/// a write; then that is an error like any other.
///
/// [`Error::Invalid`]: nothing was touched. [`Error::Io`]: the file is as it was, and no temp is left; only when syncing
/// the folder fails, at the very end, the new document is there and may not survive a power cut (PWR-02).
pub fn write_status(path: impl AsRef<Path>, status: &TrainingStatus) -> Result<(), Error> {
    let document = status.to_document()?;
    if path.as_ref().as_os_str().as_encoded_bytes().contains(&0) {
        return Err(Error::Invalid("no file can have a path with a NUL".to_owned()));
    }
    let target = resolve(platform::absolute(path.as_ref())?)?;
    let folder = target.parent().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
    let before = match fs::symlink_metadata(&target) {
        Ok(found) if found.is_file() => Some(found),
        Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file").into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let kept = platform::Kept::of(&target, before)?;

    let temp = folder.join(temp_name());
    let file = kept.create(&temp)?;
    fill(file, &document, &kept).and_then(|()| platform::replace(&temp, &target)).inspect_err(|_| {
        let _ = platform::remove(&temp); // a failure here must not hide the first error (FLT-08)
    })?;
    platform::sync_folder(folder)?;
    Ok(())
}

/// Attributes come last: a write clears the bits suid and sgid (MET-01). A failed sync or close is never retried:
/// the kernel may have dropped the bytes (FLT-04, FLT-05).
fn fill(mut file: File, document: &[u8], kept: &platform::Kept) -> io::Result<()> {
    file.write_all(document)?;
    kept.apply(&file)?;
    file.sync_all()?;
    platform::close(file)
}

/// The file behind the symbolic links at `target`, whether it exists or not (MET-04).
fn resolve(mut target: PathBuf) -> io::Result<PathBuf> {
    for _ in 0..LONGEST_CHAIN {
        match fs::symlink_metadata(&target) {
            Ok(found) if found.is_symlink() => {
                let link = fs::read_link(&target)?;
                target = target.parent().unwrap_or(Path::new("")).join(link);
            }
            _ => return Ok(target),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// A new name, short whatever the target is called (MET-05). `RandomState` is the randomness of the standard library.
fn temp_name() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!(".{:016x}{:016x}.tmp", random(), random())
}
