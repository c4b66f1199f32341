//! The files of a recording: the current one and those before it, of bounded size.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::error::RecordError;
use super::line::START;
use super::lock::lock;

/// Bytes that are collected before they are written.
const BUFFER: usize = 1 << 16;
/// How long a lock is waited for. A recording that was closed just now still writes its last lines.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the file is looked for: it may have been moved away.
const LOOK: Duration = Duration::from_secs(1);

/// The file that is written. Its name is `path`; `path.1` was full before it, `path.2` before that.
#[derive(Debug)]
pub(super) struct Files {
    path: PathBuf,
    /// The most bytes of one file.
    max_bytes: u64,
    /// The most files, the current one included.
    most: u64,
    file: File,
    /// The bytes of the file that were written.
    size: u64,
    /// Whole lines that were not written yet.
    buffer: Vec<u8>,
    /// How many these are.
    lines: u64,
    looked: Instant,
}

impl Files {
    /// Opens the file to append to it. A torn last line, as a killed process may leave, is cut off.
    pub(super) fn open(path: &Path, max_bytes: u64, files: u64) -> Result<Self, RecordError> {
        let refused = |error| RecordError::Refused(path.to_owned(), error);
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(RecordError::NoFile(path.to_owned()));
        }
        let file = take(path, Instant::now() + PATIENCE).map_err(refused)?;
        let mut file = file.ok_or_else(|| RecordError::Taken(path.to_owned()))?;
        if !is_recording(&mut file).map_err(refused)? {
            return Err(RecordError::Foreign(path.to_owned()));
        }
        let size = cut_torn(&mut file).map_err(refused)?;
        let (path, buffer, looked) = (path.to_owned(), Vec::new(), Instant::now());
        Ok(Self { path, max_bytes, most: files, file, size, buffer, lines: 0, looked })
    }

    /// Adds a whole line, and writes once many bytes are collected. Returns how many lines were
    /// written.
    pub(super) fn add(&mut self, line: &[u8]) -> io::Result<u64> {
        let size = self.size + self.buffer.len() as u64;
        let mut written = 0;
        if size > 0 && size + line.len() as u64 > self.max_bytes {
            written = self.write()?;
            self.rotate()?;
        }
        self.buffer.extend(line);
        self.lines += 1;
        Ok(written + if self.buffer.len() >= BUFFER { self.write()? } else { 0 })
    }

    /// Writes the lines that were added, and returns how many. After an error the file ends with a
    /// whole line.
    pub(super) fn write(&mut self) -> io::Result<u64> {
        self.look()?;
        if let Err(error) = self.file.write_all(&self.buffer) {
            let _ = self.file.set_len(self.size);
            return Err(error);
        }
        self.size += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(std::mem::take(&mut self.lines))
    }

    /// Makes the file again if it was moved or removed.
    fn look(&mut self) -> io::Result<()> {
        if self.looked.elapsed() < LOOK {
            return Ok(());
        }
        self.looked = Instant::now();
        if is_at(&self.file, &self.path)? { Ok(()) } else { self.begin() }
    }

    /// Renames the full file and those before it, of which the oldest goes.
    fn rotate(&mut self) -> io::Result<()> {
        let begun = behind(&self.path, "new");
        let file = take(&begun, Instant::now())?.ok_or_else(taken)?;
        file.set_len(0)?;
        for number in (1..self.most.saturating_sub(1)).rev() {
            rename(&numbered(&self.path, number), &numbered(&self.path, number + 1))?;
        }
        if self.most > 1 {
            let full = numbered(&self.path, 1);
            // By a link there is a locked file under the name at all times.
            fs::hard_link(&self.path, &full).or_else(|_| rename(&self.path, &full))?;
        }
        fs::rename(&begun, &self.path)?;
        (self.file, self.size) = (file, 0);
        Ok(())
    }

    /// Begins a new file under the name.
    fn begin(&mut self) -> io::Result<()> {
        self.file = take(&self.path, Instant::now())?.ok_or_else(taken)?;
        if !is_recording(&mut self.file)? {
            return Err(io::Error::other("it is not a recording any more"));
        }
        self.size = cut_torn(&mut self.file)?;
        Ok(())
    }
}

/// Opens a file to append to it, and takes its lock; `None` if another holder has it at the end.
fn take(path: &Path, end: Instant) -> io::Result<Option<File>> {
    loop {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        // Its holder may have renamed it meanwhile.
        if lock(&file)? && is_at(&file, path)? {
            return Ok(Some(file));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Returns true if the path still is that of the open file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let own = file.metadata()?;
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (own.dev(), own.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

/// Returns true for an empty file, and for one that begins as a recording does.
fn is_recording(file: &mut File) -> io::Result<bool> {
    let mut start = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    Read::by_ref(file).take(START.len() as u64).read_to_end(&mut start)?;
    Ok(START.starts_with(&start))
}

/// Cuts a last line off that has no end. Returns the bytes that are left.
fn cut_torn(file: &mut File) -> io::Result<u64> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut end = size;
    let mut block = [0; 4096];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let block = &mut block[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(block)?;
        if let Some(at) = block.iter().rposition(|&byte| byte == b'\n') {
            end = start + at as u64 + 1;
            break;
        }
        end = start;
    }
    if end < size {
        file.set_len(end)?;
    }
    Ok(end)
}

fn numbered(path: &Path, number: u64) -> PathBuf {
    behind(path, &number.to_string())
}

/// Returns the path with a dot and an ending behind it.
fn behind(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(ending);
    name.into()
}

fn taken() -> io::Error {
    io::Error::other("another recording writes it")
}

/// Renames a file, if there is one.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

#[cfg(all(test, unix, not(loom)))]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("multibin-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        folder
    }

    #[test]
    fn a_full_file_is_never_without_its_lock() {
        let folder = folder("lock");
        let path = folder.join("a");
        let mut files = Files::open(&path, 40, 3).unwrap();
        for line in 0..50 {
            files.add(format!("{{\"arrival\": {line}}}\n").as_bytes()).unwrap();
            files.write().unwrap();
            assert!(take(&path, Instant::now()).unwrap().is_none(), "line {line}");
        }
        let mut names: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["a", "a.1", "a.2"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_torn_line_is_cut_at_any_place() {
        let folder = folder("torn");
        let path = folder.join("a");
        let whole = b"{\"arrival\": 1}\n{\"arrival\": 2}\n";
        let ends: Vec<_> =
            (0..=whole.len()).filter(|&at| at == 0 || whole[at - 1] == b'\n').collect();
        for cut in 0..=whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let size =
                cut_torn(&mut OpenOptions::new().read(true).write(true).open(&path).unwrap());
            let kept = *ends.iter().rfind(|&&end| end <= cut).unwrap();
            assert_eq!((size.unwrap(), fs::read(&path).unwrap().len()), (kept as u64, kept));
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
