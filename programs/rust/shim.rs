//! A Rust program whose allocator is Quarry's slab heap: `make run-rustshim`. Says what each of its
//! allocations cost in pages.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::thread;

/// libslab's figures: heap/slab.h.
#[repr(C)]
#[derive(Default)]
struct SlabStatistics {
    in_use: u64,
    held: u64,
    metadata: u64,
    large_blocks: u64,
    large: u64,
    pages_taken: u64,
    pages_returned: u64,
}

extern "C" {
    fn aligned_alloc(alignment: usize, bytes: usize) -> *mut u8;
    fn realloc(block: *mut u8, bytes: usize) -> *mut u8;
    fn free(block: *mut u8);
    fn slab_get_statistics(to: *mut SlabStatistics);
}

/// The slab heap, linked statically.
struct Slab;

const USUAL_ALIGNMENT: usize = 16;

unsafe impl GlobalAlloc for Slab {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let alignment = layout.align().max(USUAL_ALIGNMENT);
        aligned_alloc(alignment, (layout.size() + alignment - 1) & !(alignment - 1))
    }
    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        free(block)
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        if layout.align() <= USUAL_ALIGNMENT {
            return realloc(block, bytes);
        }
        let moved = self.alloc(Layout::from_size_align_unchecked(bytes, layout.align()));
        if !moved.is_null() {
            std::ptr::copy_nonoverlapping(block, moved, bytes.min(layout.size()));
            free(block);
        }
        moved
    }
}

#[global_allocator]
static HEAP: Slab = Slab;

fn pages() -> u64 {
    let mut now = SlabStatistics::default();
    unsafe { slab_get_statistics(&mut now) };
    now.pages_taken
}

/// Makes something, and says how many pages the heap took for it.
fn cost<T>(what: &str, make: impl FnOnce() -> T) -> T {
    let before = pages();
    let made = make();
    println!("{:<46} {:>6} pages", what, pages() - before);
    made
}

fn main() {
    let number = cost("Box of a number", || Box::new(42u64));
    let again = cost("another", || Box::new(43u64));
    let numbers = cost("Vec of 100,000 numbers", || (0..100_000u64).collect::<Vec<_>>());
    let text = cost("String of 1 MiB, grown byte by byte", || {
        let mut text = String::new();
        for i in 0..1 << 20 {
            text.push((b'a' + (i % 26) as u8) as char);
        }
        text
    });
    let shared = cost("1,000 Rc of one RefCell", || {
        let cell = Rc::new(RefCell::new(Vec::new()));
        let holders: Vec<_> = (0..1000).map(|_| Rc::clone(&cell)).collect();
        for (i, holder) in holders.iter().enumerate() {
            holder.borrow_mut().push(i);
        }
        holders
    });
    let tree = cost("BTreeMap of 10,000 strings", || {
        (0..10_000).map(|i| (i * 7919 % 10_000, format!("value {}", i))).collect::<BTreeMap<_, _>>()
    });
    let table = cost("HashMap of 10,000 strings", || {
        (0..10_000).map(|i| (format!("key {}", i), i)).collect::<HashMap<_, _>>()
    });
    let sums = cost("4 threads, each with 1,000 boxes", || {
        let threads: Vec<_> = (0..4u64)
            .map(|t| {
                thread::spawn(move || {
                    let boxes: Vec<_> = (0..1000u64).map(|i| Box::new(i * t)).collect();
                    boxes.iter().map(|each| **each).sum::<u64>()
                })
            })
            .collect();
        threads.into_iter().map(|each| each.join().unwrap()).collect::<Vec<_>>()
    });
    println!(
        "{} {} {} {} {} {} {} {:?}",
        number,
        again,
        numbers.iter().sum::<u64>(),
        text.len(),
        shared.last().unwrap().borrow().len(),
        tree.values().map(String::len).sum::<usize>(),
        table.values().sum::<i32>(),
        sums
    );
}
