//! Columns of the requests and of the batches, as numpy's arrays.

use multibin::Reason;
use multibin::simulate::{BatchRecords, RequestColumns, SimulateError};
use numpy::{IntoPyArray, PyArray1, PyArrayMethods, PyReadwriteArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::interpreter::errors;

/// Columns of the requests. numpy allocates them, as it asks for huge pages: the kernel then hands
/// out fresh memory in a fraction of the time.
pub struct Requests<'py> {
    /// Arrival, start, first token, finish.
    times: [Bound<'py, PyArray1<f64>>; 4],
    /// Bin, batch, entries.
    counts: [Bound<'py, PyArray1<u32>>; 3],
    /// Steps, waste.
    sums: [Bound<'py, PyArray1<u64>>; 2],
}

impl<'py> Requests<'py> {
    pub fn new(py: Python<'py>, requests: usize) -> Self {
        Self {
            times: std::array::from_fn(|_| unset(py, requests)),
            counts: std::array::from_fn(|_| unset(py, requests)),
            sums: std::array::from_fn(|_| unset(py, requests)),
        }
    }

    /// Lets `play` write to the columns.
    pub fn record<T>(
        &self,
        play: impl FnOnce(RequestColumns<'_>) -> Result<T, SimulateError>,
    ) -> PyResult<T> {
        let mut times = self.times.each_ref().map(PyArrayMethods::readwrite);
        let mut counts = self.counts.each_ref().map(PyArrayMethods::readwrite);
        let mut sums = self.sums.each_ref().map(PyArrayMethods::readwrite);
        let [arrival, start, first_token, finish] = times.each_mut().map(slice);
        let [bin, batch, entries] = counts.each_mut().map(slice);
        let [steps, waste] = sums.each_mut().map(slice);
        play(RequestColumns {
            arrival,
            start,
            first_token,
            finish,
            bin,
            batch,
            entries,
            steps,
            waste,
        })
        .map_err(errors::simulate)
    }

    /// Returns the columns by name.
    pub fn columns(self) -> PyResult<Bound<'py, PyDict>> {
        let py = self.sums[0].py();
        let [arrival, start, first_token, finish] = self.times.map(Bound::into_any);
        let [bin, batch, entries] = self.counts.map(Bound::into_any);
        let [steps, waste] = self.sums.map(Bound::into_any);
        columns(
            py,
            [
                ("arrival", arrival),
                ("start", start),
                ("first_token", first_token),
                ("finish", finish),
                ("bin", bin),
                ("batch", batch),
                ("entries", entries),
                ("steps", steps),
                ("waste", waste),
            ],
        )
    }
}

/// Returns an array of numbers whose elements are whatever its memory held. Memory that was used
/// before is not cleared, as a simulation overwrites all of it.
fn unset<T: Number>(py: Python<'_>, size: usize) -> Bound<'_, PyArray1<T>> {
    // SAFETY: all bits are some number, and no array leaves here unless a simulation has written
    // all elements.
    unsafe { PyArray1::new(py, size, false) }
}

/// A type whose every bit pattern is a value, without references to Python's objects.
trait Number: numpy::Element + Copy {}

impl Number for f64 {}
impl Number for u32 {}
impl Number for u64 {}

fn slice<'a, T: numpy::Element>(column: &'a mut PyReadwriteArray1<'_, T>) -> &'a mut [T] {
    column.as_slice_mut().expect("made contiguous")
}

/// Returns the columns of the batches by name.
pub fn batch_columns(py: Python<'_>, batches: BatchRecords) -> PyResult<Bound<'_, PyDict>> {
    let reason = |reason: &Reason| *reason as u8;
    columns(
        py,
        [
            ("start", array(py, batches.start)),
            ("finish", array(py, batches.finish)),
            ("rows", array(py, batches.rows)),
            ("steps", array(py, batches.steps)),
            ("bin", array(py, batches.bin)),
            ("reason", array(py, batches.reason.iter().map(reason).collect::<Vec<u8>>())),
            ("server", array(py, batches.server)),
            ("parked", array(py, batches.parked)),
            ("resident", array(py, batches.resident)),
            ("resident_tokens", array(py, batches.resident_tokens)),
        ],
    )
}

fn array<T: numpy::Element>(py: Python<'_>, values: Vec<T>) -> Bound<'_, PyAny> {
    let array: Bound<'_, PyArray1<T>> = values.into_pyarray(py);
    array.into_any()
}

fn columns<'py, const N: usize>(
    py: Python<'py>,
    arrays: [(&str, Bound<'py, PyAny>); N],
) -> PyResult<Bound<'py, PyDict>> {
    let columns = PyDict::new(py);
    for (name, array) in arrays {
        columns.set_item(name, array)?;
    }
    Ok(columns)
}
