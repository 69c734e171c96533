// What Rust asks of a linker: panics that unwind, thread-locals, formatting, hashing, threads, trait objects.
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc, Mutex};
use std::thread;

static DROPS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static PLAIN: Cell<u32> = const { Cell::new(7) };
    static LAZY: RefCell<Vec<String>> = RefCell::new(vec!["first".to_string()]);
}

struct Guard(&'static str);
impl Drop for Guard {
    fn drop(&mut self) {
        DROPS.fetch_add(1, Ordering::SeqCst);
        println!("drop {}", self.0);
    }
}

trait Animal {
    fn name(&self) -> String;
}
struct Dog;
struct Cat(u8);
impl Animal for Dog {
    fn name(&self) -> String {
        "dog".into()
    }
}
impl Animal for Cat {
    fn name(&self) -> String {
        format!("cat with {} lives", self.0)
    }
}

#[inline(never)]
fn fails(depth: u32) -> u32 {
    let _guard = Guard("in fails");
    if depth == 0 {
        panic!("depth is zero");
    }
    fails(depth - 1) + 1
}

fn main() {
    panic::set_hook(Box::new(|info| println!("hook: {}", info.payload().downcast_ref::<&str>().unwrap_or(&"?"))));
    let caught = panic::catch_unwind(|| fails(2));
    println!("caught {}, drops {}", caught.is_err(), DROPS.load(Ordering::SeqCst));
    let index = std::hint::black_box(5);
    let caught = panic::catch_unwind(|| [1, 2, 3][index]);
    println!("out of bounds caught {}", caught.is_err());

    let mut counts: HashMap<String, usize> = HashMap::new();
    for word in "one two three two three three".split(' ') {
        *counts.entry(word.to_string()).or_default() += 1;
    }
    let sorted: BTreeMap<_, _> = counts.iter().map(|(word, count)| (*count, word.clone())).collect();
    println!("{sorted:?} {:.3}", 2f64.sqrt());

    let (sender, receiver) = mpsc::channel();
    let total = Arc::new(Mutex::new(0));
    let threads: Vec<_> = (0..4u32)
        .map(|i| {
            let (sender, total) = (sender.clone(), Arc::clone(&total));
            thread::spawn(move || {
                PLAIN.with(|plain| plain.set(plain.get() + i));
                LAZY.with(|lazy| lazy.borrow_mut().push(i.to_string()));
                *total.lock().unwrap() += PLAIN.with(Cell::get);
                sender.send(LAZY.with(|lazy| lazy.borrow().join("+"))).unwrap();
                if i == 3 {
                    panic!("a thread");
                }
            })
        })
        .collect();
    let failed = threads.into_iter().filter_map(|thread| thread.join().err()).count();
    drop(sender);
    let mut received: Vec<String> = receiver.iter().collect();
    received.sort();
    println!("{received:?} {failed} {} {}", total.lock().unwrap(), PLAIN.with(Cell::get));
    let animals: Vec<Box<dyn Animal>> = vec![Box::new(Dog), Box::new(Cat(9))];
    println!("{}", animals.iter().map(|animal| animal.name()).collect::<Vec<_>>().join(", "));
    println!("{}", i32::from_str_radix("zz", 10).unwrap_err());
}
