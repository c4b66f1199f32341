//! How the program ends when the scheduler breaks a promise.

use std::process;

/// Ends the program with status 1 and this message.
pub fn fail(message: &str) -> ! {
    eprintln!("soak: {message}");
    process::exit(1);
}

/// Ends the program unless `holds`.
pub fn require(holds: bool, message: impl FnOnce() -> String) {
    if !holds {
        fail(&message());
    }
}
