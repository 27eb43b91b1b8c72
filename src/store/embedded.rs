//! Commits to one redb file: one writer at a time, group commit, reads beside it.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::BoxFuture;
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
};

use super::{Entries, Store, StoreError, Table, Write};

mod file;

use file::File;

/// Write sets waiting for the disk; one more waits outside the queue. At 1 KiB each they are 1 MiB.
const QUEUE_MAX: usize = 1024;
/// Write sets in one transaction: enough to share an fsync, few enough to answer the first soon.
const BATCH_MAX: usize = 256;

/// Opens the file in `state_dir`, creating both if missing; the calling thread reads all of it.
pub fn open(state_dir: &Path) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(Embedded::over(File::open(state_dir)?)))
}

struct Embedded {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
}

/// One write set and where its answer goes.
struct Job {
    writes: Vec<Write>,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

struct Shared {
    file: File,
    waiting: Mutex<mpsc::Receiver<Job>>,
    /// Somebody empties the queue now. Whoever finds it unset becomes the writer, so there is one
    /// writer at a time and no idle thread.
    writing: AtomicBool,
}

impl Embedded {
    fn over(file: File) -> Embedded {
        let (jobs, waiting) = mpsc::channel(QUEUE_MAX);
        let waiting = Mutex::new(waiting);
        let shared = Arc::new(Shared { file, waiting, writing: AtomicBool::new(false) });
        Embedded { jobs, shared }
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&File) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = self.shared.clone();
        let read = spawn_blocking(move || read(&shared.file)).await;
        read.unwrap_or_else(|stopped| Err(self.shared.file.unavailable(stopped)))
    }
}

impl Store for Embedded {
    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let sent = self.jobs.send(Job { writes, answer }).await;
            sent.map_err(|stopped| self.shared.file.unavailable(stopped))?;
            // No wait stands between the two, so a caller that goes away leaves no job behind
            // that nobody writes.
            if !self.shared.writing.swap(true, Ordering::AcqRel) {
                let shared = self.shared.clone();
                spawn_blocking(move || shared.write_all());
            }
            answered.await.unwrap_or_else(|lost| Err(self.shared.file.unavailable(lost)))
        })
    }

    fn load(&self, table: Table, key: &str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        let key = key.to_owned();
        Box::pin(self.read(move |file| file.load(table, &key)))
    }

    fn scan(
        &self,
        table: Table,
        after: &str,
        limit: usize,
    ) -> BoxFuture<'_, Result<Entries, StoreError>> {
        let after = after.to_owned();
        Box::pin(self.read(move |file| file.scan(table, &after, limit)))
    }

    fn close(&self) {
        self.shared.write_all();
        self.shared.file.close();
    }
}

impl Drop for Embedded {
    /// It may wait for a commit that runs now: stores are dropped when the process stops.
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// Empties the queue, one transaction for whatever waits.
    fn write_all(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let (mut sets, mut answers) = (Vec::new(), Vec::new());
            while sets.len() < BATCH_MAX
                && let Ok(job) = waiting.try_recv()
            {
                sets.push(job.writes);
                answers.push(job.answer);
            }
            if !sets.is_empty() {
                for (answer, result) in answers.into_iter().zip(self.file.write(&sets)) {
                    // A caller that went away does not want to know.
                    let _ = answer.send(result);
                }
                continue;
            }
            // A job that came between the last look and this swap found the flag set and left it
            // to us; reading its swap makes its job visible.
            self.writing.swap(false, Ordering::AcqRel);
            if waiting.is_empty() || self.writing.swap(true, Ordering::AcqRel) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::atomic::AtomicUsize};

    use redb::{StorageBackend, backends::FileBackend};

    use super::*;
    use crate::store::Expect;

    /// The real file, on a disk that can be told to fail.
    #[derive(Debug)]
    struct Disk {
        file: FileBackend,
        /// Writes and syncs still allowed.
        left: Arc<AtomicUsize>,
    }

    impl Disk {
        fn spend(&self) -> Result<(), io::Error> {
            let one_less = |left: usize| left.checked_sub(1);
            let spent = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
            spent.map(drop).map_err(|_| io::ErrorKind::StorageFull.into())
        }
    }

    impl StorageBackend for Disk {
        fn len(&self) -> Result<u64, io::Error> {
            self.file.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
            self.file.read(offset, out)
        }
        fn set_len(&self, len: u64) -> Result<(), io::Error> {
            self.spend()?;
            self.file.set_len(len)
        }
        fn sync_data(&self) -> Result<(), io::Error> {
            self.spend()?;
            self.file.sync_data()
        }
        fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
            self.spend()?;
            self.file.write(offset, data)
        }
        fn close(&self) -> Result<(), io::Error> {
            self.file.close()
        }
    }

    fn put(key: &str, expect: Expect, value: &str) -> Vec<Write> {
        let (key, value) = (key.to_owned(), Some(value.as_bytes().to_vec()));
        vec![Write { table: Table::Holds, key, expect, value }]
    }

    /// Lets the disk fail after every possible number of operations and then heal.
    #[tokio::test]
    async fn a_failed_commit_keeps_nothing_and_a_later_one_succeeds() {
        let mut failed = 0;
        for operations in 0..40 {
            let dir = std::env::temp_dir()
                .join(format!("tidegate-disk-{}-{operations}", std::process::id()));
            let left = Arc::new(AtomicUsize::new(usize::MAX));
            let disk = left.clone();
            let file = File::open_over(&dir, move |path| {
                let file = std::fs::OpenOptions::new().read(true).write(true).open(path)?;
                let file = FileBackend::new(file).map_err(io::Error::other)?;
                Ok(Disk { file, left: disk.clone() })
            });
            let store = Embedded::over(file.unwrap());
            store.commit(put("old", Expect::Absent, "1")).await.unwrap();

            left.store(operations, Ordering::SeqCst);
            let answer = store.commit(put("new", Expect::Absent, "2")).await;
            left.store(usize::MAX, Ordering::SeqCst);

            match &answer {
                Ok(()) => {}
                Err(StoreError::Unavailable { place, .. }) => {
                    failed += 1;
                    assert!(place.contains("tidegate-disk-"), "{place}");
                }
                Err(other) => panic!("{operations}: {other}"),
            }
            let kept = store.load(Table::Holds, "new").await.unwrap();
            assert!(answer.is_err() || kept.is_some(), "{operations}: lost");
            let again = store.commit(put("later", Expect::Absent, "3")).await;
            assert!(again.is_ok(), "{operations}: {again:?}");
            assert_eq!(store.load(Table::Holds, "old").await.unwrap(), Some(b"1".to_vec()));
            drop(store);
            std::fs::remove_dir_all(&dir).unwrap();
        }
        assert!(failed > 0, "no failure was met");
    }
}
