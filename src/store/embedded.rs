//! To be written.

use std::{path::Path, sync::Arc};

use super::{Store, StoreError};

pub fn open(_state_dir: &Path) -> Result<Arc<dyn Store>, StoreError> {
    todo!()
}
