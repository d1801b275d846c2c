use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator, with the calls of each thread counted.
#[derive(Debug)]
pub struct Counting;

impl Counting {
    /// Returns how often `work` asked this thread's allocator for memory.
    pub fn calls<T>(work: impl FnOnce() -> T) -> (u64, T) {
        let before = CALLS.get();
        let done = work();
        (CALLS.get() - before, done)
    }

    /// Returns how many bytes more are in use after `work`.
    pub fn kept<T>(work: impl FnOnce() -> T) -> (i64, T) {
        let before = LIVE.get();
        let done = work();
        (LIVE.get() - before, done)
    }
}

fn note(calls: u64, bytes: i64) {
    // While a thread ends its counters are gone, and nobody asks for them.
    let _ = CALLS.try_with(|count| count.set(count.get() + calls));
    let _ = LIVE.try_with(|live| live.set(live.get() + bytes));
}

fn size(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

// SAFETY: every call is handed to the system's allocator as it came; the counters are plain cells of
// the thread and allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, size(layout.size()));
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        note(0, -size(layout.size()));
        // SAFETY: the caller's promise about `ptr` and `layout` is passed on.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(1, size(new_size) - size(layout.size()));
        // SAFETY: the caller's promise about `ptr`, `layout` and `new_size` is passed on.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}
