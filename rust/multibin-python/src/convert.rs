//! Between Python's values and the core's. Knows no class.

pub mod arguments;
pub mod arrays;
pub mod named;
pub mod ndarray;
pub mod refusal;
pub mod scalars;
pub mod show;
pub mod words;
