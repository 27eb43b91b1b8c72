//! Runs a model in this program itself.

use std::{borrow::Cow, error::Error, sync::Arc};

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value};

use super::{
    Closed, Opened, Runtime,
    graph::{INPUT, OUTPUT},
};

/// As `Cargo.toml` has it: the crate does not say its own version.
const VERSION: &str = "rten 0.27";

thread_local! {
    /// Each asking thread computes on one thread, its own: the queue before the model is what
    /// uses the cores. The crate's common pool would have every run wait for every core.
    static ALONE: Arc<ThreadPool> = Arc::new(ThreadPool::with_num_threads(1));
}

struct Rten {
    model: Model,
    input: NodeId,
    output: NodeId,
}

pub fn open(file: Cow<'static, [u8]>, _threads: usize) -> Result<Opened, Closed> {
    let failed = |error: &dyn Error| Closed::Failed(format!("it cannot be loaded: {error}"));
    let mut options = ModelOptions::with_all_ops();
    options.prepack_weights(true);
    let model = match file {
        Cow::Borrowed(own) => options.load_static_slice(own),
        Cow::Owned(read) => options.load(read),
    };
    let model = model.map_err(|error| failed(&error))?;
    let input = model.node_id(INPUT).map_err(|error| failed(&error))?;
    let output = model.node_id(OUTPUT).map_err(|error| failed(&error))?;
    let runtime = Box::new(Rten { model, input, output });
    Ok(Opened { runtime, version: VERSION.to_owned(), library: None })
}

impl Runtime for Rten {
    fn run(&self, ids: Vec<i32>, rows: usize) -> Result<Vec<f32>, String> {
        let width = ids.len() / rows.max(1);
        let ids = Value::from_shape([rows, width], ids).map_err(|error| error.to_string())?;
        let options = RunOptions::default().with_thread_pool(Some(ALONE.with(Arc::clone)));
        let inputs = vec![(self.input, ids.into())];
        let [answer] = self
            .model
            .run_n(inputs, [self.output], Some(options))
            .map_err(|error| error.to_string())?;
        let (_, answer) = answer.into_shape_vec::<f32, 2>().map_err(|error| error.to_string())?;
        Ok(answer)
    }
}
