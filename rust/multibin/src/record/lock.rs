//! A lock on a file: one recording writes it at a time, of this process or another.

use std::fs::File;
use std::io;

/// Takes the lock, which lasts until the file is closed. Returns false if another holder has it.
/// A file system without locks refuses nothing.
#[cfg(unix)]
pub(super) fn lock(file: &File) -> io::Result<bool> {
    use std::os::fd::AsRawFd;

    // SAFETY: the descriptor is open as long as `file` is borrowed, and the call touches no memory.
    if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EWOULDBLOCK) => Ok(false),
        Some(libc::ENOLCK | libc::ENOTSUP | libc::ENOSYS) => Ok(true),
        _ => Err(error),
    }
}

#[cfg(not(unix))]
pub(super) fn lock(_: &File) -> io::Result<bool> {
    Ok(true)
}
