//! Runs a model in ONNX Runtime, where its library is found.
//!
//! Nothing of the crate may be called before a library is loaded: it would panic. So everything
//! here begins with `environment`.

use std::{
    borrow::Cow,
    panic::catch_unwind,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError, TryLockError},
};

use ort::{
    environment::Environment,
    session::{Session, builder::GraphOptimizationLevel},
    value::TensorRef,
};

use super::{
    Closed, Opened, Runtime,
    graph::{INPUT, OUTPUT},
    library, silence,
};

/// A loaded library. A process loads one, once.
struct Loaded {
    environment: Environment,
    library: PathBuf,
    version: String,
}

static LOADED: OnceLock<Result<Loaded, Unloaded>> = OnceLock::new();

/// Why there is none, as each candidate has it; empty where there is no candidate.
struct Unloaded(Vec<String>);

struct Ort {
    /// One for each thread that asks: a session takes one run at a time.
    sessions: Vec<Mutex<Session>>,
}

pub fn open(file: Cow<'static, [u8]>, threads: usize) -> Result<Opened, Closed> {
    let loaded =
        LOADED.get_or_init(load).as_ref().map_err(|Unloaded(causes)| match causes.is_empty() {
            true => Closed::Absent("no library is found".to_owned()),
            false => Closed::Failed(causes.join("; ")),
        })?;
    let sessions: Result<Vec<_>, ort::Error> =
        (0..threads.max(1)).map(|_| session(&loaded.environment, &file).map(Mutex::new)).collect();
    let sessions =
        sessions.map_err(|error| Closed::Failed(format!("it cannot be loaded: {error}")))?;
    Ok(Opened {
        runtime: Box::new(Ort { sessions }),
        version: loaded.version.clone(),
        library: Some(loaded.library.clone()),
    })
}

/// The first library that can be loaded.
fn load() -> Result<Loaded, Unloaded> {
    let mut causes = Vec::new();
    for path in library::candidates() {
        if !silence::is_silent() {
            return Err(Unloaded(vec![silence::LOUD.to_owned()]));
        }
        // What is no such library, or one from before the functions that are called, has been
        // seen to panic in the crate.
        match catch_unwind(|| load_from(&path)) {
            Ok(Ok(loaded)) => return Ok(loaded),
            Ok(Err(cause)) => causes.push(cause),
            Err(_) => causes.push(format!("{} cannot be used", path.display())),
        }
    }
    Err(Unloaded(causes))
}

fn load_from(path: &Path) -> Result<Loaded, String> {
    let builder = ort::init_from(path).map_err(|error| error.to_string())?;
    // No telemetry: what is judged here is nobody else's business.
    let environment = builder.with_name("tidegate").with_telemetry(false).build();
    let environment = environment.map_err(|error| error.to_string())?;
    let version = library::version(path, ort::info());
    Ok(Loaded { environment, library: path.to_owned(), version })
}

fn session(environment: &Environment, file: &[u8]) -> Result<Session, ort::Error> {
    Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::Level3)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        // Rows differ in length from run to run, so that what was laid out for one fits no other.
        .with_memory_pattern(false)?
        .commit_from_memory(file)
}

impl Runtime for Ort {
    fn run(&self, ids: Vec<i32>, rows: usize) -> Result<Vec<f32>, String> {
        let free = self.sessions.iter().find_map(|session| match session.try_lock() {
            Ok(free) => Some(free),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        let first = || self.sessions.first().expect("there is one for each thread");
        let mut session =
            free.unwrap_or_else(|| first().lock().unwrap_or_else(PoisonError::into_inner));
        run(&mut session, &ids, rows).map_err(|error| error.to_string())
    }
}

fn run(session: &mut Session, ids: &[i32], rows: usize) -> Result<Vec<f32>, ort::Error> {
    let width = ids.len() / rows.max(1);
    let ids = TensorRef::from_array_view(([rows, width], ids))?;
    let outputs = session.run(ort::inputs![INPUT => ids])?;
    let (_, answer) = outputs[OUTPUT].try_extract_tensor::<f32>()?;
    Ok(answer.to_vec())
}
