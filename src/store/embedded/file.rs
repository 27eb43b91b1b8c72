//! Opens, checks and changes the store's file, and says whose fault a failure is.

use std::{
    collections::BTreeMap,
    fmt::Display,
    fs, io,
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use redb::{
    Builder, Database, ReadOnlyTable, ReadableDatabase, ReadableTable, StorageBackend,
    TableDefinition, TableError, backends::FileBackend,
};

use super::super::{Entries, Expect, StoreError, Table, Write, create_dir};

const NAME: &str = "tidegate.redb";
/// A file without this value in `Meta` was not made by us.
const FORMAT_KEY: &str = "format";
const FORMAT: &[u8] = b"1";
/// Pages kept in memory. The hold queue and the accounts have mirrors of their own, so a small
/// cache is enough.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

type Definition = TableDefinition<'static, &'static str, &'static [u8]>;
type Opener = dyn Fn(&Path) -> Result<Database, redb::Error> + Send + Sync;

/// The file, open or to be opened again after the disk failed.
pub struct File {
    path: PathBuf,
    opener: Box<Opener>,
    database: RwLock<Option<Database>>,
    /// Closed for good: the directory may be another's already.
    closed: AtomicBool,
    /// Locked for as long as this process owns the directory.
    owner: fs::File,
}

impl File {
    pub fn open(state_dir: &Path) -> Result<File, StoreError> {
        File::open_over(state_dir, |path| {
            let file = fs::OpenOptions::new().read(true).write(true).open(path)?;
            FileBackend::new(file).map_err(io::Error::other)
        })
    }

    /// The same on a disk of the caller's.
    pub fn open_over<B: StorageBackend>(
        state_dir: &Path,
        disk: impl Fn(&Path) -> io::Result<B> + Send + Sync + 'static,
    ) -> Result<File, StoreError> {
        let path = state_dir.join(NAME);
        let failed = |error: io::Error| fault(&path, redb::Error::Io(error));
        create_dir(state_dir).map_err(failed)?;
        let owner = own(state_dir).map_err(|cause| unavailable(&path, cause))?;
        let opener = move |path: &Path| {
            let mut builder = Builder::new();
            // Every page is checked once, so that a damaged file is refused here and not met as
            // a panic later.
            builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
            Ok(builder.create_with_backend(disk(path)?)?)
        };
        match fs::metadata(&path) {
            // redb would take an empty file for a new one.
            Ok(meta) if meta.len() == 0 => return Err(damaged(&path, "the file is empty")),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(&path)?,
            Err(error) => return Err(failed(error)),
        }
        let (opener, database) = (Box::new(opener), RwLock::new(None));
        let file = File { path, opener, database, closed: AtomicBool::new(false), owner };
        let format = file.load(Table::Meta, FORMAT_KEY)?;
        match format.as_deref() {
            Some(FORMAT) => Ok(file),
            Some(_) => Err(damaged(&file.path, "another version of Tidegate wrote it")),
            None => Err(damaged(&file.path, "it is another program's file")),
        }
    }

    pub fn unavailable(&self, cause: impl Display) -> StoreError {
        unavailable(&self.path, cause)
    }

    pub fn load(&self, table: Table, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|database| {
            let Some(table) = opened(database, table)? else { return Ok(None) };
            Ok(table.get(key)?.map(|value| value.value().to_vec()))
        })
    }

    pub fn scan(&self, table: Table, after: &str, limit: usize) -> Result<Entries, StoreError> {
        self.with(|database| {
            let Some(table) = opened(database, table)? else { return Ok(Vec::new()) };
            // The empty key is a key like others, but "after nothing" starts before it.
            let from = match after {
                "" => Bound::Unbounded,
                after => Bound::Excluded(after),
            };
            let mut found = Vec::new();
            for entry in table.range::<&str>((from, Bound::Unbounded))?.take(limit) {
                let (key, value) = entry?;
                found.push((key.value().to_owned(), value.value().to_vec()));
            }
            Ok(found)
        })
    }

    /// Performs the write sets in one durable transaction and answers each.
    ///
    /// After a failure of the disk the file is opened anew and the batch tried once more, because
    /// the first try may have reached the disk although it reported an error.
    pub fn write(&self, sets: &[Vec<Write>]) -> Vec<Result<(), StoreError>> {
        let first = self.with(|database| transact(database, sets, false));
        let answers = match first {
            Err(StoreError::Unavailable { .. }) => {
                self.with(|database| transact(database, sets, true))
            }
            first => first,
        };
        match answers {
            Ok(changed) => {
                let answer =
                    |key: Option<String>| key.map_or(Ok(()), |key| Err(StoreError::Conflict(key)));
                changed.into_iter().map(answer).collect()
            }
            Err(error) => sets.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// Runs `work` on the open file, and closes it after any failure: redb refuses all work after
    /// an I/O error until the file was opened again.
    fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let done = match catch_unwind(AssertUnwindSafe(|| self.opened().and_then(|o| o.run(work))))
        {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => fault(&self.path, error),
            // The check at opening leaves no known way to get here; a page that changed under us
            // would be one.
            Err(_) => damaged(&self.path, "a page is not what was written"),
        };
        self.shut();
        Err(done)
    }

    /// Closes the file and gives the directory back.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.shut();
        // The lock goes with the process if it does not go now.
        let _ = self.owner.unlock();
    }

    fn shut(&self) {
        let shut = self.database.write().unwrap_or_else(PoisonError::into_inner).take();
        // Closing writes, which may fail again in any way.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(shut)));
    }

    fn opened(&self) -> Result<Opened<'_>, redb::Error> {
        loop {
            let open = self.database.read().unwrap_or_else(PoisonError::into_inner);
            if open.is_some() {
                return Ok(Opened(open));
            }
            drop(open);
            let mut closed = self.database.write().unwrap_or_else(PoisonError::into_inner);
            if self.closed.load(Ordering::Acquire) {
                return Err(redb::Error::DatabaseClosed);
            }
            if closed.is_none() {
                *closed = Some((self.opener)(&self.path)?);
            }
        }
    }
}

struct Opened<'a>(RwLockReadGuard<'a, Option<Database>>);

impl Opened<'_> {
    fn run<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, redb::Error> {
        match self.0.as_ref() {
            Some(database) => work(database),
            None => Err(redb::Error::DatabaseClosed),
        }
    }
}

/// For each set `None`, or the key whose condition failed; a durable commit of the others.
///
/// `again` says that the sets may be there already: one of which every value is as wanted was
/// carried out. One of which some are was not, because none is carried out in part.
fn transact(
    database: &Database,
    sets: &[Vec<Write>],
    again: bool,
) -> Result<Vec<Option<String>>, redb::Error> {
    let mut transaction = database.begin_write()?;
    // One sync more: the new tree is on the disk before the header names it. With one sync a
    // damaged last commit looks like one that power cut short, and is taken back without a word;
    // and whoever writes what is stored could try to make half a commit look like a whole one.
    transaction.set_two_phase_commit(true);
    let mut answers = Vec::with_capacity(sets.len());
    {
        let mut tables = BTreeMap::new();
        for write in sets.iter().flatten() {
            if let std::collections::btree_map::Entry::Vacant(slot) =
                tables.entry(name(write.table))
            {
                slot.insert(transaction.open_table(definition(write.table))?);
            }
        }
        for set in sets {
            let (mut changed, mut done) = (None, again);
            for write in set {
                let now = tables[name(write.table)].get(write.key.as_str())?;
                let now = now.as_ref().map(|now| now.value());
                let expected = match &write.expect {
                    Expect::Anything => true,
                    Expect::Absent => now.is_none(),
                    Expect::Exactly(bytes) => now == Some(bytes.as_slice()),
                };
                if !expected && changed.is_none() {
                    changed = Some(write.key.clone());
                }
                done &= now == write.value.as_deref();
            }
            if done {
                changed = None;
            }
            if changed.is_none() {
                for write in set {
                    let Some(table) = tables.get_mut(name(write.table)) else { continue };
                    match &write.value {
                        Some(value) => drop(table.insert(write.key.as_str(), value.as_slice())?),
                        None => drop(table.remove(write.key.as_str())?),
                    }
                }
            }
            answers.push(changed);
        }
    }
    match answers.iter().all(Option::is_some) {
        true => transaction.abort()?,
        false => transaction.commit()?,
    }
    Ok(answers)
}

/// Makes the file beside its place and moves it there whole, so that a crash on the way leaves no
/// half a file that the next start would refuse.
fn create(path: &Path) -> Result<(), StoreError> {
    let new = path.with_extension("new");
    let make = || -> Result<(), redb::Error> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        #[cfg(unix)]
        // It holds messages and password hashes: nobody else's to read.
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let disk = FileBackend::new(options.open(&new)?)?;
        let database = Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(disk)?;
        let transaction = database.begin_write()?;
        for table in Table::ALL {
            transaction.open_table(definition(table))?;
        }
        transaction.open_table(definition(Table::Meta))?.insert(FORMAT_KEY, FORMAT)?;
        transaction.commit()?;
        database.close()?;
        fs::rename(&new, path)?;
        // The name is durable when its directory is.
        #[cfg(unix)]
        if let Some(dir) = path.parent() {
            fs::File::open(dir)?.sync_all()?;
        }
        Ok(())
    };
    make().map_err(|error| fault(path, error))
}

/// Takes the directory for this process; the lock goes with the process, however it ends.
fn own(dir: &Path) -> Result<fs::File, String> {
    let path = dir.join("tidegate.lock");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    // Whoever may open it may lock it, and so keep Tidegate from starting.
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path);
    let file = file.map_err(|error| error.to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err("another process has it open; stop that one or use another state_dir".to_owned())
        }
        Err(fs::TryLockError::Error(error)) => Err(error.to_string()),
    }
}

/// A table to be read; `None` where an earlier version made the file and did not know it. It is
/// made with the first write.
fn opened(
    database: &Database,
    table: Table,
) -> Result<Option<ReadOnlyTable<&'static str, &'static [u8]>>, redb::Error> {
    match database.begin_read()?.open_table(definition(table)) {
        Err(TableError::TableDoesNotExist(_))
            if matches!(
                table,
                Table::Decrees | Table::Invitations | Table::Outbox | Table::Overrides
            ) =>
        {
            Ok(None)
        }
        opened => Ok(Some(opened?)),
    }
}

fn definition(table: Table) -> Definition {
    TableDefinition::new(name(table))
}

fn name(table: Table) -> &'static str {
    match table {
        Table::Holds => "holds",
        Table::Records => "records",
        Table::RecordIds => "record_ids",
        Table::Texts => "texts",
        Table::Outbox => "outbox",
        Table::Accounts => "accounts",
        Table::Sessions => "sessions",
        Table::Tokens => "tokens",
        Table::Invitations => "invitations",
        Table::Decrees => "decrees",
        Table::Overrides => "overrides",
        Table::Meta => "meta",
    }
}

fn unavailable(path: &Path, cause: impl Display) -> StoreError {
    StoreError::Unavailable { place: path.display().to_string(), cause: cause.to_string() }
}

fn damaged(path: &Path, cause: impl Display) -> StoreError {
    let advice = "restore a backup, or move the file away to start empty";
    StoreError::Corrupt { place: path.display().to_string(), cause: format!("{cause}; {advice}") }
}

fn fault(path: &Path, error: redb::Error) -> StoreError {
    use redb::Error as E;
    match error {
        E::Corrupted(cause) => damaged(path, cause),
        // redb's word for a file that is not its own, or ends before its pages do.
        E::Io(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            ) =>
        {
            damaged(path, error)
        }
        E::UpgradeRequired(_)
        | E::TableTypeMismatch { .. }
        | E::TableIsMultimap(_)
        | E::TableIsNotMultimap(_)
        | E::TypeDefinitionChanged { .. }
        | E::TableDoesNotExist(_) => damaged(path, error),
        error => unavailable(path, error),
    }
}
