//! Linux and macOS.

use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::fd::IntoRawFd;
use std::os::unix::fs::{fchown, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const SET_USER_ID: u32 = 0o4000;
const SET_GROUP_ID: u32 = 0o2000;
const TOLERATED: [Errno; 4] = [Errno::INVAL, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::ACCESS];

pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(path)
}

/// Without waiting for the writer of a FIFO, and without making a terminal the controlling one (RDR-08).
pub fn open_for_reading(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

/// What a new document keeps of the file that it replaces.
pub struct Kept {
    before: Option<Metadata>,
    access_list: Option<Vec<u8>>,
}

impl Kept {
    /// Fails where it cannot be found out who may read the target (MET-11).
    pub fn of(target: &Path, before: Option<Metadata>) -> io::Result<Self> {
        let access_list = if before.is_some() { access_list::of_path(target)? } else { None };
        Ok(Self { before, access_list })
    }

    /// Create the temp, never more open than the target will be: its group is not the target's yet, and the group's
    /// bits mean something else where there is an access list (MET-02, MET-11).
    pub fn create(&self, temp: &Path) -> io::Result<File> {
        let mode = match &self.before {
            None => 0o666,
            Some(before) => {
                let mode = before.mode() & 0o777;
                let as_all_others = mode >> 3 & 0o7 == mode & 0o7;
                if self.access_list.is_none() && as_all_others {
                    mode
                } else {
                    mode & 0o700
                }
            }
        };
        OpenOptions::new().write(true).create_new(true).mode(mode).open(temp)
    }

    /// Give the full temp owner, group, access list and mode of the target. What the system refuses stays as it is, but
    /// then nothing that would let others read the file because of it is set either.
    pub fn apply(&self, file: &File) -> io::Result<()> {
        let Some(before) = &self.before else { return Ok(()) };
        let now = file.metadata()?;
        let mut mode = before.mode() & 0o7777;
        let mut listed = true;
        if now.gid() != before.gid() && fchown(file, None, Some(before.gid())).is_err() {
            // The members of the temp's group are like all others to the target.
            mode = mode & !(SET_GROUP_ID | 0o070) | mode & (mode & 0o007) << 3;
            listed = self.access_list.is_none(); // its entry for the owning group would be another group's
        }
        if now.uid() != before.uid() && fchown(file, Some(before.uid()), None).is_err() {
            mode &= !SET_USER_ID;
        }
        if !(listed && access_list::keep(file, self.access_list.as_deref())) {
            mode &= !0o077;
        }
        if now.mode() & 0o7777 != mode {
            let _ = file.set_permissions(Permissions::from_mode(mode));
        }
        Ok(())
    }
}

/// Close `file` and report what closing it reports, as dropping it would not (FLT-05).
pub fn close(file: File) -> io::Result<()> {
    // SAFETY: the descriptor was this file's own, and nothing uses it afterwards.
    match unsafe { rustix::io::try_close(file.into_raw_fd()) } {
        Ok(()) | Err(Errno::INTR) => Ok(()), // interrupted, it is closed all the same
        Err(error) => Err(error.into()),
    }
}

pub fn replace(temp: &Path, target: &Path) -> io::Result<()> {
    fs::rename(temp, target)
}

pub fn remove(temp: &Path) -> io::Result<()> {
    fs::remove_file(temp)
}

/// Let the rename survive a power cut. A file system that cannot, and a folder that may not be read, are no errors.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    let synced = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::DIRECTORY.bits() as i32)
        .open(folder)
        .and_then(|opened| opened.sync_all());
    match synced.as_ref().err().and_then(Errno::from_io_error) {
        Some(error) if TOLERATED.contains(&error) => Ok(()),
        _ => synced,
    }
}

#[cfg(target_os = "linux")]
mod access_list {
    use rustix::fs::{fgetxattr, fremovexattr, fsetxattr, lgetxattr, XattrFlags};
    use rustix::io::Errno;
    use std::fs::File;
    use std::io;
    use std::path::Path;

    const NAME: &str = "system.posix_acl_access";
    const LONGEST: usize = 65536; // of any attribute: XATTR_SIZE_MAX

    pub fn of_path(target: &Path) -> io::Result<Option<Vec<u8>>> {
        let mut list = vec![0; LONGEST];
        let size = match lgetxattr(target, NAME, &mut list[..]) {
            Ok(size) => size,
            Err(Errno::NODATA | Errno::NOTSUP | Errno::NOSYS) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        list.truncate(size);
        Ok(Some(list))
    }

    /// Whether the file has this access list, or none, in the end; it may have inherited one from its folder.
    pub fn keep(file: &File, list: Option<&[u8]>) -> bool {
        if let Some(list) = list {
            return fsetxattr(file, NAME, list, XattrFlags::empty()).is_ok();
        }
        match fgetxattr(file, NAME, &mut [0_u8; 0]) {
            Ok(_) => fremovexattr(file, NAME).is_ok(),
            Err(error) => matches!(error, Errno::NODATA | Errno::NOTSUP | Errno::NOSYS),
        }
    }
}

/// The access lists of macOS are not those of POSIX, and are left alone: a new file has what its folder gives it.
#[cfg(not(target_os = "linux"))]
mod access_list {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    pub fn of_path(_target: &Path) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    pub fn keep(_file: &File, _list: Option<&[u8]>) -> bool {
        true
    }
}
