use std::path::PathBuf;
use std::time::Duration;

use multibin::record::{Record, RecordError, Recorder, flush_all};
use pyo3::exceptions::PyTimeoutError;
use pyo3::prelude::*;

use crate::convert::arguments::{Number, PathLike, Recordable};
use crate::convert::named::{whole, word};
use crate::convert::refusal::{wrong_type, wrong_value};
use crate::convert::scalars::{length, seconds};
use crate::convert::words::{ENDS, choose};
use crate::interpreter::wait::detached;
use crate::interpreter::{calls, hooks};

/// How long the end of the interpreter waits for the files.
const AT_EXIT: Duration = Duration::from_secs(5);
/// How long the end of a service waits for the file.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// The default of ``max_bytes``: 64 MiB.
const MAX_BYTES: u64 = 1 << 26;
/// The default of ``files``.
const FILES: u64 = 4;
/// The least that ``max_bytes`` may be: some lines.
const LEAST_BYTES: u64 = 4096;

/// Records requests when they end: a line of JSON each, appended to a file.
///
/// ``Scheduler``, ``LLM`` and ``AsyncLLM`` take one as ``record``, or its path. Several of them may
/// share one. It keeps counts and times, and never text. ``multibin plan`` reads the file.
///
/// A thread writes, some 20 ms after the end of a request. A request never waits for it. Up to
/// 65,536 records wait for the file, and others are dropped and counted. If nothing more can be
/// written (a full disk), the logger ``multibin`` has one warning, and later records are dropped.
///
/// Args:
///     path: the file. It is new, or a recording: that one goes on, without a torn last line.
///     max_bytes: the size at which the file is renamed to ``path.1``, and a new one begins.
///     files: how many files to keep, the current one included. ``path.1`` becomes ``path.2``, and
///         the oldest is removed.
///
/// Raises:
///     ValueError: the path cannot be written, is no file, is not that of a recording, or another
///         recording writes it, of any process. Or a number is out of range.
///     TypeError: an argument has a wrong type.
///
/// >>> import tempfile
/// >>> from pathlib import Path
/// >>> with tempfile.TemporaryDirectory() as folder:
/// ...     with Recording(f"{folder}/requests.jsonl") as recording:
/// ...         recording.write(arrival=1.5, prompt_tokens=7, output_tokens=9)
/// ...     print(Path(recording.path).read_text(), end="")
/// True
/// {"arrival": 1.500000, "prompt_tokens": 7, "output_tokens": 9, "end": "finished"}
#[pyclass(frozen, weakref, module = "multibin")]
pub struct Recording {
    inner: Recorder,
}

#[pymethods]
impl Recording {
    #[new]
    #[pyo3(signature = (path, *, max_bytes: "int" = MAX_BYTES, files: "int" = FILES))]
    fn new(
        py: Python<'_>,
        path: PathLike<'_>,
        #[pyo3(from_py_with = whole::max_bytes)] max_bytes: u64,
        #[pyo3(from_py_with = whole::files)] files: u64,
    ) -> PyResult<Self> {
        for (name, given, least) in [("max_bytes", max_bytes, LEAST_BYTES), ("files", files, 1)] {
            if given < least {
                let (rule, given) = (format!("at least {least}"), given.into_pyobject(py)?);
                return Err(wrong_value(name, &rule, given.as_any()));
            }
        }
        Self::open(&path.0, "path", max_bytes, files)
    }

    /// Records a request that ended, of a service of your own. Any thread may call it, and it waits
    /// for nothing. Returns false if the record was dropped, as in a forked child.
    ///
    /// Args:
    ///     arrival: when it arrived, in seconds since the epoch of Unix (``time.time()``).
    ///     end: what became of it: "finished", "expired", "cancelled", "failed" or "lost".
    ///     prompt_tokens, output_tokens: how many it had; 0: not known.
    ///     predicted_tokens: the output tokens that were predicted.
    ///     wait, time_to_first_token, latency: seconds from the arrival to the first batch, the
    ///         first token and the end.
    ///
    /// Raises:
    ///     ValueError, TypeError: an argument is wrong.
    ///
    /// >>> import tempfile
    /// >>> with tempfile.TemporaryDirectory() as folder:
    /// ...     with Recording(f"{folder}/requests.jsonl") as recording:
    /// ...         recording.write(arrival=2, end="cancelled", prompt_tokens=7)
    /// True
    #[pyo3(signature = (*, arrival, end: "Literal['finished', 'expired', 'cancelled', 'failed', 'lost']" = "finished", prompt_tokens = None, predicted_tokens = None, output_tokens = None, wait = None, time_to_first_token = None, latency = None))]
    fn write(
        &self,
        py: Python<'_>,
        arrival: Number<'_>,
        #[pyo3(from_py_with = word::end)] end: &str,
        prompt_tokens: Option<Number<'_>>,
        predicted_tokens: Option<Number<'_>>,
        output_tokens: Option<Number<'_>>,
        wait: Option<Number<'_>>,
        time_to_first_token: Option<Number<'_>>,
        latency: Option<Number<'_>>,
    ) -> PyResult<bool> {
        let tokens = |given: Option<Number<'_>>, name: &str| {
            given.map(|given| length(&given, name)).transpose()
        };
        let time = |given: Option<Number<'_>>, name: &str| {
            given.map(|given| seconds(&given, name)).transpose()
        };
        let end = choose(py, "end", end, ENDS)?;
        let record = Record {
            prompt_tokens: tokens(prompt_tokens, "prompt_tokens")?.unwrap_or_default(),
            predicted_tokens: tokens(predicted_tokens, "predicted_tokens")?,
            output_tokens: tokens(output_tokens, "output_tokens")?.unwrap_or_default(),
            wait: time(wait, "wait")?,
            time_to_first_token: time(time_to_first_token, "time_to_first_token")?,
            latency: time(latency, "latency")?,
            ..Record::new(seconds(&arrival, "arrival")?, end)
        };
        Ok(self.inner.push(record).is_ok())
    }

    /// Waits, without the GIL, until all records so far are in the file, or ``timeout`` seconds
    /// (``None``: without end). Returns at once from a recording that stopped or was closed, and in
    /// a forked child.
    ///
    /// Raises ``TimeoutError`` when the time is over.
    ///
    /// >>> import tempfile
    /// >>> with tempfile.TemporaryDirectory() as folder:
    /// ...     with Recording(f"{folder}/requests.jsonl") as recording:
    /// ...         recording.flush(timeout=10)
    #[pyo3(signature = (timeout = None))]
    fn flush(&self, py: Python<'_>, timeout: Option<Number<'_>>) -> PyResult<()> {
        self.until(py, timeout, Recorder::flush)
    }

    /// Ends the recording: later records are dropped. Waits as ``flush`` does, until the file is
    /// closed. A second call does nothing.
    ///
    /// >>> import tempfile
    /// >>> with tempfile.TemporaryDirectory() as folder:
    /// ...     recording = Recording(f"{folder}/requests.jsonl")
    /// ...     recording.close()
    /// ...     recording.write(arrival=1), recording.dropped
    /// (False, 1)
    #[pyo3(signature = (timeout = None))]
    fn close(&self, py: Python<'_>, timeout: Option<Number<'_>>) -> PyResult<()> {
        self.until(py, timeout, Recorder::close)
    }

    /// The path of the current file, as it was given.
    ///
    /// >>> import tempfile
    /// >>> with tempfile.TemporaryDirectory() as folder:
    /// ...     with Recording(f"{folder}/requests.jsonl") as recording:
    /// ...         recording.path.endswith("/requests.jsonl")
    /// True
    #[getter]
    fn path(&self) -> String {
        self.inner.path().to_string_lossy().into_owned()
    }

    /// How many records are in files.
    ///
    /// >>> import tempfile
    /// >>> with tempfile.TemporaryDirectory() as folder:
    /// ...     with Recording(f"{folder}/requests.jsonl") as recording:
    /// ...         recording.written
    /// 0
    #[getter]
    fn written(&self) -> u64 {
        self.inner.written()
    }

    /// How many records were dropped: there was no room, or the recording had ended.
    ///
    /// >>> import tempfile
    /// >>> with tempfile.TemporaryDirectory() as folder:
    /// ...     with Recording(f"{folder}/requests.jsonl") as recording:
    /// ...         recording.dropped
    /// 0
    #[getter]
    fn dropped(&self) -> u64 {
        self.inner.dropped()
    }

    /// Why nothing more can be written; ``None`` while it goes on, and once it was closed.
    ///
    /// >>> import tempfile
    /// >>> with tempfile.TemporaryDirectory() as folder:
    /// ...     with Recording(f"{folder}/requests.jsonl") as recording:
    /// ...         print(recording.failure)
    /// None
    #[getter]
    fn failure(&self) -> Option<String> {
        self.inner.failure()
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (kind = None, value = None, traceback = None))]
    fn __exit__(
        &self,
        py: Python<'_>,
        kind: Option<Bound<'_, PyAny>>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = (kind, value, traceback);
        self.close(py, None)
    }

    fn __repr__(&self) -> String {
        let (written, dropped) = (self.inner.written(), self.inner.dropped());
        format!("Recording({:?}, written={written}, dropped={dropped})", self.path())
    }
}

impl Recording {
    fn open(path: &Bound<'_, PyAny>, argument: &str, max_bytes: u64, files: u64) -> PyResult<Self> {
        let py = path.py();
        hooks::load(py)?;
        let Ok(file) = path.extract::<PathBuf>() else {
            let rule = if argument == "path" {
                "a str or os.PathLike"
            } else {
                "a Recording, a str, an os.PathLike or None"
            };
            return Err(wrong_type(argument, rule, path));
        };
        let name = file.display().to_string();
        let stopped = move |failure: &str| warn(&name, failure);
        let inner = py.detach(|| Recorder::open(file, max_bytes, files, stopped));
        let refused = |error: RecordError| wrong_value(argument, &error.rule(), path);
        Ok(Self { inner: inner.map_err(refused)? })
    }

    /// Waits until `step` says that all is done, or there is nothing to wait for.
    fn until(
        &self,
        py: Python<'_>,
        timeout: Option<Number<'_>>,
        step: impl Fn(&Recorder, Duration) -> bool + Send + Sync,
    ) -> PyResult<()> {
        let timeout = timeout.map(|timeout| seconds(&timeout, "timeout")).transpose()?;
        let recorder = &self.inner;
        let wait = |slice| (recorder.is_forked() || step(recorder, slice)).then_some(());
        let done = detached(py, timeout, wait)?;
        done.ok_or_else(|| PyTimeoutError::new_err("not written within the timeout"))
    }
}

/// Warns, in the writer's thread, that nothing more can be written.
fn warn(path: &str, failure: &str) {
    let lines = vec![format!("nothing more is recorded in {path}: {failure}")];
    // `None` means that the interpreter ends.
    Python::try_attach(|py| {
        calls::aside(py, |py| hooks::log(py, (hooks::WARNING, lines)).map(|_| ()));
    });
}

/// The recording of a service.
pub struct Recorded {
    pub recording: Py<Recording>,
    pub recorder: Recorder,
    /// It was opened for this service alone.
    is_own: bool,
}

impl Recorded {
    /// Returns what an argument `record` names; a path is opened.
    pub fn new(Recordable(given): &Recordable<'_>) -> PyResult<Self> {
        if let Ok(recording) = given.cast::<Recording>() {
            let recorder = recording.get().inner.clone();
            return Ok(Self { recording: recording.clone().unbind(), recorder, is_own: false });
        }
        let recording = Recording::open(given, "record", MAX_BYTES, FILES)?;
        let recorder = recording.inner.clone();
        Ok(Self { recording: Py::new(given.py(), recording)?, recorder, is_own: true })
    }

    /// Waits for the file at the end of the service; closes a recording of its own.
    pub fn end(&self, timeout: Duration) {
        let _ =
            if self.is_own { self.recorder.close(timeout) } else { self.recorder.flush(timeout) };
    }
}

/// Returns the recording that an argument ``record`` names, and opens a path.
#[pyfunction]
#[pyo3(signature = (record: "Recording | str | PathLike[str]"))]
pub fn recording(record: Recordable<'_>) -> PyResult<Py<Recording>> {
    Ok(Recorded::new(&record)?.recording)
}

/// Waits some seconds until the recordings of this process are in their files. The end of the
/// interpreter calls it.
#[pyfunction]
pub fn flush_recordings(py: Python<'_>) {
    py.detach(|| flush_all(AT_EXIT));
}
