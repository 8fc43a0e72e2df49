//! The file in which `index` keeps what it has computed: `OUT.rows`. Records are only ever added to it, so whenever the program
//! is killed, what is whole stays; a record that is cut short is cut off by the next run, and one that is damaged is passed
//! over. The index is made of it when all
//! pictures are done, and the next run takes from it what has not changed.
//!
//! ```text
//! 8   MAGIC
//!     records: 4 length of the body, 4 its CRC-32, the body
//! ```
//! The first body is JSON: who makes the rows. Each of the others is a picture's:
//! ```text
//! 8   length of its file in bytes
//! 8   when that was changed: nanoseconds since 1970
//! 4   length of its name, in bytes
//!     its name, in UTF-8
//!     its embedding: f32
//! ```

use crate::collection::{Result, Rows, beside};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fs::{File, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

const MAGIC: &[u8; 8] = b"\x89CVrows\n";
const FRAME: usize = 8;
/// Bytes of a picture's record before its name.
const BEFORE_NAME: usize = 20;
/// Bytes that a body may have: no name and no embedding comes near it.
const LONGEST: usize = 16 << 20;

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    bytes: u64,
    changed: u64,
}

impl Stamp {
    /// Of a file, as it is now.
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self { bytes: metadata.len(), changed: changed.map_or(0, |since| since.as_nanos() as u64) }
    }
}

/// What is known of a picture.
struct Entry {
    stamp: Stamp,
    /// Where its record is.
    at: u64,
    /// Whether this run has come by it.
    seen: bool,
}

/// See the module.
pub struct Store {
    file: File,
    path: PathBuf,
    end: u64,
    dimension: usize,
    /// By a hash of the name of 128 bits, so that memory is 56 bytes a picture whatever its name: two names have the same one
    /// once in 10²⁰ collections of a billion.
    entries: HashMap<u128, Entry>,
    /// Where the rows of this run are, in the order of the index; 0 where there is none, as yet or at all.
    order: Vec<u64>,
}

fn key(name: &str) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, name).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

/// Where rows of other settings are put: a name that no others have, which may have taken days.
fn unused(path: &Path) -> PathBuf {
    let names = (2u32..).map(|number| beside(path, &format!("before-{number}")));
    let first = beside(path, "before");
    std::iter::once(first.clone()).chain(names).find(|name| !name.exists()).unwrap_or(first)
}

/// The files where rows of other settings were put, the largest first.
fn put_aside(path: &Path) -> Vec<PathBuf> {
    let first = beside(path, "before");
    let is_one = |found: &Path| {
        let rest = found.as_os_str().as_encoded_bytes().strip_prefix(first.as_os_str().as_encoded_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"-"))
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| path.with_file_name(entry.file_name()));
    let mut found: Vec<PathBuf> = names.filter(|name| is_one(name)).collect();
    found.sort_by_cached_key(|name| std::cmp::Reverse(name.metadata().map_or(0, |metadata| metadata.len())));
    found
}

/// What became of the rows that were there before.
pub struct Opened {
    /// The rows that count.
    pub store: Store,
    /// Where those of other settings are now.
    pub aside: Option<PathBuf>,
    /// Whether those that count had been put aside, and are back.
    pub is_back: bool,
}

impl Store {
    /// Opens the file, or makes it. What is in it counts if `same` says so of who made it. Else it is put aside; if
    /// one of the files that were put aside earlier counts, that takes its place, else a new one.
    pub fn open(path: &Path, made: &Value, dimension: usize, same: impl Fn(&Value) -> bool) -> Result<Opened> {
        let mut store = Self::at(path, dimension)?.ok_or("there is another file of that name")?;
        let (is_same, is_empty) = store.load(&same)?;
        if is_same {
            return Ok(Opened { store, aside: None, is_back: false });
        }
        // Looked for where there are no rows, too: a run may have been killed between the two renames.
        let found = put_aside(path).into_iter().find_map(|name| {
            let mut store = Self::at(&name, dimension).ok()??;
            let (is_same, _) = store.load(&same).ok()?;
            is_same.then_some((name, store))
        });
        let aside = (!is_empty).then(|| unused(path));
        if let Some(aside) = &aside {
            std::fs::rename(path, aside)?;
        }
        let is_back = found.is_some();
        if let Some((name, found)) = found {
            std::fs::rename(name, path)?;
            store = Self { path: path.to_owned(), ..found };
        } else {
            if aside.is_some() {
                store.file = locked(path)?;
            }
            store.file.set_len(0)?;
            store.file.rewind()?;
            store.file.write_all(MAGIC)?;
            store.end = 8;
            store.add_record(&serde_json::to_vec(made)?)?;
        }
        Ok(Opened { store, aside, is_back })
    }

    /// A file that [`load`](Self::load) has not read yet; `None` where it is none of ours.
    fn at(path: &Path, dimension: usize) -> Result<Option<Self>> {
        let mut file = locked(path)?;
        let mut start = [0; 8];
        let is_ours = match file.read_exact(&mut start) {
            Ok(()) => start == *MAGIC,
            // Killed before the first bytes were written, or new.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => file.metadata()?.len() < 8,
            Err(error) => return Err(error.into()),
        };
        let (entries, order) = (HashMap::new(), Vec::new());
        Ok(is_ours.then(|| Self { file, path: path.to_owned(), end: 8, dimension, entries, order }))
    }

    /// Reads what is there, and cuts off what is not whole: whether that is of the same maker, and whether there is nothing.
    fn load(&mut self, same: impl Fn(&Value) -> bool) -> Result<(bool, bool)> {
        let mut reader = BufReader::with_capacity(1 << 20, self.file.try_clone()?);
        reader.seek(SeekFrom::Start(self.end))?;
        let mut body = Vec::new();
        let (mut is_same, mut is_empty) = (false, true);
        loop {
            let is_whole = match read_record(&mut reader, &mut body)? {
                Record::Whole => true,
                Record::Damaged => false,
                Record::End => break,
            };
            if is_empty {
                is_empty = false;
                is_same = is_whole && serde_json::from_slice(&body).is_ok_and(|made| same(&made));
                if !is_same {
                    return Ok((false, false));
                }
            } else if !is_whole {
                // Its picture is computed anew.
            } else if let Some((name, stamp)) = named(&body, self.dimension) {
                self.entries.insert(key(name), Entry { stamp, at: self.end, seen: false });
            }
            self.end += (FRAME + body.len()) as u64;
        }
        self.file.set_len(self.end)?;
        Ok((is_same, is_empty))
    }

    fn add_record(&mut self, body: &[u8]) -> Result<u64> {
        let mut record = Vec::with_capacity(FRAME + body.len());
        record.extend((body.len() as u32).to_le_bytes());
        record.extend(crc32fast::hash(body).to_le_bytes());
        record.extend(body);
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(&record)?;
        let at = self.end;
        self.end += record.len() as u64;
        Ok(at)
    }

    /// Takes the next picture of this run: none if it was there before in this run; else its place in the order, and whether its
    /// row is still to be computed.
    pub fn take(&mut self, name: &str, stamp: Stamp) -> Option<(usize, bool)> {
        let entry = self.entries.entry(key(name)).or_insert(Entry { stamp, at: 0, seen: false });
        if entry.seen {
            return None;
        }
        entry.seen = true;
        if entry.stamp != stamp {
            *entry = Entry { stamp, at: 0, seen: true };
        }
        self.order.push(entry.at);
        Some((self.order.len() - 1, entry.at == 0))
    }

    /// Puts a row that was computed.
    pub fn put(&mut self, place: usize, name: &str, stamp: Stamp, row: &[f32]) -> Result<()> {
        let mut body = Vec::with_capacity(BEFORE_NAME + name.len() + 4 * row.len());
        body.extend(stamp.bytes.to_le_bytes());
        body.extend(stamp.changed.to_le_bytes());
        body.extend((name.len() as u32).to_le_bytes());
        body.extend(name.as_bytes());
        body.extend(row.iter().flat_map(|x| x.to_le_bytes()));
        let at = self.add_record(&body)?;
        if let Some(slot) = self.order.get_mut(place) {
            *slot = at;
        }
        Ok(())
    }

    /// Takes the rows of pictures in these folders, which could not be read: that they are gone is not known.
    pub fn keep_under(&mut self, folders: &HashSet<String>) -> Result<()> {
        if folders.is_empty() {
            return Ok(());
        }
        let mut unseen: Vec<u64> = self.entries.values().filter(|entry| !entry.seen).map(|entry| entry.at).collect();
        unseen.sort_unstable();
        let mut body = Vec::new();
        for at in unseen {
            self.read_at(at, &mut body)?;
            let Some((name, stamp)) = named(&body, self.dimension) else { continue };
            let mut above = Path::new(name).ancestors().skip(1).filter_map(Path::to_str);
            if above.any(|folder| folders.contains(folder)) {
                self.entries.insert(key(name), Entry { stamp, at, seen: true });
                self.order.push(at);
            }
        }
        Ok(())
    }

    /// Rows that were there before and are not in this run: of pictures that vanished.
    pub fn vanished(&self) -> usize {
        self.entries.values().filter(|entry| !entry.seen).count()
    }

    /// What is written reaches the disk.
    pub fn sync(&self) -> Result<()> {
        Ok(self.file.sync_data()?)
    }

    /// Makes the file anew of this run's rows, if more than a quarter of it is of others.
    pub fn compact(&mut self, made: &Value) -> Result<()> {
        let mut kept = 0;
        let mut body = Vec::new();
        let places: Vec<u64> = self.order.iter().copied().filter(|at| *at > 0).collect();
        if let Some(first) = places.first() {
            self.read_at(*first, &mut body)?;
            kept = (body.len() as u64) * places.len() as u64;
        }
        if self.end <= kept + kept / 3 + 65_536 {
            return Ok(());
        }
        let temporary = beside(&self.path, "tmp");
        let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&temporary)?;
        file.write_all(MAGIC)?;
        let empty = Self {
            file,
            path: self.path.clone(),
            end: 8,
            dimension: self.dimension,
            entries: HashMap::new(),
            order: Vec::new(),
        };
        let mut fresh = empty;
        fresh.add_record(&serde_json::to_vec(made)?)?;
        for at in places {
            self.read_at(at, &mut body)?;
            let at = fresh.add_record(&body)?;
            fresh.order.push(at);
        }
        fresh.sync()?;
        std::fs::rename(&temporary, &self.path)?;
        *self = fresh;
        Ok(())
    }

    fn read_at(&mut self, at: u64, body: &mut Vec<u8>) -> Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        match read_record(&mut self.file, body)? {
            Record::Whole => Ok(()),
            Record::Damaged | Record::End => {
                Err(format!("{} was changed while it was in use", self.path.display()).into())
            }
        }
    }
}

/// The file, for this process alone.
fn locked(path: &Path) -> Result<File> {
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err("another index is at work on it".into()),
        // Locked, or a file system without locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// What comes next in the file.
enum Record {
    Whole,
    /// A record whose sum is not that of its body.
    Damaged,
    /// Nothing, or a record that was cut short.
    End,
}

/// Reads the next record.
fn read_record(reader: &mut impl Read, body: &mut Vec<u8>) -> Result<Record> {
    let mut frame = [0; FRAME];
    if !fill(reader, &mut frame)? {
        return Ok(Record::End);
    }
    let [len, sum] = [frame.first_chunk::<4>(), frame.last_chunk::<4>()]
        .map(|part| part.map_or(0, |part| u32::from_le_bytes(*part)));
    if len as usize > LONGEST {
        return Ok(Record::End);
    }
    body.resize(len as usize, 0);
    Ok(match fill(reader, body)? {
        true if crc32fast::hash(body) == sum => Record::Whole,
        true => Record::Damaged,
        false => Record::End,
    })
}

fn fill(reader: &mut impl Read, bytes: &mut [u8]) -> Result<bool> {
    match reader.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The name and the stamp of a picture's record with an embedding of so many values.
fn named(body: &[u8], dimension: usize) -> Option<(&str, Stamp)> {
    let number = |at: usize| body.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let len = u32::from_le_bytes(*body.get(16..)?.first_chunk()?) as usize;
    let (name, row) = body.get(BEFORE_NAME..)?.split_at_checked(len)?;
    let stamp = Stamp { bytes: number(0)?, changed: number(8)? };
    (row.len() == 4 * dimension).then_some((std::str::from_utf8(name).ok()?, stamp))
}

impl Rows for Store {
    fn count(&self) -> usize {
        self.order.iter().filter(|at| **at > 0).count()
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn each(&mut self, use_row: &mut dyn FnMut(&str, &[f32]) -> Result<()>) -> Result<()> {
        let (mut body, mut row) = (Vec::new(), Vec::with_capacity(self.dimension));
        for place in 0..self.order.len() {
            let at = self.order.get(place).copied().unwrap_or_default();
            if at == 0 {
                continue;
            }
            self.read_at(at, &mut body)?;
            let (name, _) = named(&body, self.dimension).ok_or("a record of the rows is damaged")?;
            let values = body.get(BEFORE_NAME + name.len()..).unwrap_or_default();
            row.clear();
            row.extend(values.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
            use_row(name, &row)?;
        }
        Ok(())
    }
}
