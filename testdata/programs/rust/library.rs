// A cdylib for programs in C: unwinding that ends inside, and a thread-local.
use std::cell::Cell;
use std::ffi::{c_char, CStr};
use std::panic;

thread_local!(static CALLS: Cell<u32> = const { Cell::new(0) });

#[no_mangle]
pub extern "C" fn rust_calls() -> u32 {
    CALLS.with(|calls| {
        calls.set(calls.get() + 1);
        calls.get()
    })
}

/// The number in a string, or -1 when reading it panics.
///
/// # Safety
/// `text` ends with a zero.
#[no_mangle]
pub unsafe extern "C" fn rust_parse(text: *const c_char) -> i32 {
    let text = CStr::from_ptr(text).to_string_lossy().into_owned();
    panic::set_hook(Box::new(|_| ()));
    panic::catch_unwind(|| text.parse::<i32>().unwrap()).unwrap_or(-1)
}
