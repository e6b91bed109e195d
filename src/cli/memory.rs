//! Handles a lack of memory: the program prints a message and ends with exit code 1; the standard library would abort.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nasbench::print::memory_size;

/// The end of the message of [`refused`].
pub(super) const MORE_WERE_REFUSED: &str = "more were refused";

/// The system's allocator, which ends the program if memory runs out.
struct Ending;

#[global_allocator]
static ALLOCATOR: Ending = Ending;

#[expect(unsafe_code, reason = "every call is handed to the allocator of the system as it came, and answered as it answers")]
// SAFETY: the allocator of the system keeps the contract; what this one adds does not return.
unsafe impl GlobalAlloc for Ending {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`.
        given(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `realloc`.
        given(unsafe { System.realloc(memory, layout, new_size) }, new_size)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[inline]
fn given(memory: *mut u8, bytes: usize) -> *mut u8 {
    if memory.is_null() {
        refused(bytes);
    }
    memory
}

/// Ends the program with a message. The message needs some memory itself; without it, it is a shorter one.
#[cold]
fn refused(bytes: usize) -> ! {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    thread_local! {
        static SAYS_IT: Cell<bool> = const { Cell::new(false) };
    }
    if SAYS_IT.replace(true) {
        let _ = std::io::stderr().write_all(b"error: it takes more memory than there is\n");
    } else if IS_SAID.swap(true, Ordering::Relaxed) {
        // Another thread says it, and ends this one, too.
        std::thread::sleep(Duration::from_secs(10));
    } else {
        let _ = writeln!(std::io::stderr(), "error: {}: {} {MORE_WERE_REFUSED}", excess(), memory_size(bytes as u64));
    }
    end()
}

/// What uses the memory, and its limit.
pub(super) fn excess() -> String {
    match address_space() {
        Some(limit) => format!("it takes more memory than the limit of {} (`ulimit -v`)", memory_size(limit)),
        None => "it takes more memory than the system gives".to_owned(),
    }
}

/// The address-space limit of this process, if there is one.
pub(super) fn address_space() -> Option<u64> {
    let limits = fs_err::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Ends the program from any point.
#[expect(clippy::exit, reason = "whoever works here cannot be stopped in another way")]
pub(super) fn end() -> ! {
    std::process::exit(1)
}
