//! Tells the crate about the interpreter that it is built for.

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
}
