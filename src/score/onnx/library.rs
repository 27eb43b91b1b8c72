//! Finds the library of ONNX Runtime, where it is named, among the system's, in Python packages.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// Entries looked at in one folder, and folders in one variable.
const ENTRIES_MAX: usize = 20_000;
const FOLDERS_MAX: usize = 100;

/// Where systems keep libraries; `{arch}` is the machine's, as Debian names it.
const LIBRARY_FOLDERS: [&str; 9] = [
    "/usr/local/lib",
    "/usr/local/lib64",
    "/usr/lib/{arch}-linux-gnu",
    "/usr/lib",
    "/usr/lib64",
    "/lib64",
    "/opt/onnxruntime/lib",
    "/usr/local/onnxruntime/lib",
    "/opt/homebrew/lib",
];

/// Where Pythons keep packages; what stands for `*` is any version.
const PACKAGE_FOLDERS: [&str; 6] = [
    "/usr/local/lib/python3*/dist-packages",
    "/usr/local/lib/python3*/site-packages",
    "/usr/lib/python3/dist-packages",
    "/usr/lib/python3*/site-packages",
    "/usr/lib64/python3*/site-packages",
    "/opt/homebrew/lib/python3*/site-packages",
];

/// Every library that could be loaded, in the order in which they are tried.
pub fn candidates() -> Vec<PathBuf> {
    candidates_in(Path::new("/"), &|name| env::var_os(name))
}

type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

fn candidates_in(root: &Path, variable: Variable) -> Vec<PathBuf> {
    let inside = |folder: &str| {
        let folder = folder.replace("{arch}", env::consts::ARCH);
        root.join(folder.trim_start_matches('/'))
    };
    // An empty entry or a relative one means wherever the program was started, which anybody's
    // download folder may be.
    let listed = |name: &str| -> Vec<PathBuf> {
        let value = variable(name).unwrap_or_default();
        env::split_paths(&value).filter(|path| path.is_absolute()).take(FOLDERS_MAX).collect()
    };

    let mut found: Vec<PathBuf> =
        variable("ORT_DYLIB_PATH").map(PathBuf::from).into_iter().collect();
    found.retain(|path| path.is_absolute());
    let folders = listed("LD_LIBRARY_PATH").into_iter().chain(LIBRARY_FOLDERS.map(inside));
    found.extend(folders.flat_map(|folder| libraries(&folder)));

    let mut packages = listed("PYTHONPATH");
    for base in listed("VIRTUAL_ENV").into_iter().chain(listed("CONDA_PREFIX")) {
        packages.extend(spread(&base.join("lib/python3*/site-packages")));
    }
    for home in listed("HOME") {
        packages.extend(spread(&home.join(".local/lib/python3*/site-packages")));
    }
    packages.extend(PACKAGE_FOLDERS.map(inside).iter().flat_map(|folder| spread(folder)));
    found.extend(packages.iter().flat_map(|folder| libraries(&folder.join("onnxruntime/capi"))));

    let mut seen = std::collections::HashSet::new();
    found.retain(|path| seen.insert(path.clone()));
    found
}

/// The libraries in one folder, the highest version first.
fn libraries(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<(Vec<u64>, PathBuf)> = names(folder)
        .into_iter()
        .filter_map(|name| Some((version_of(&name)?, folder.join(name))))
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

/// The version in a library's name: `libonnxruntime.so`, `libonnxruntime.so.1.31.1` or
/// `libonnxruntime.1.31.1.dylib`; others with a longer name are parts of it.
fn version_of(name: &str) -> Option<Vec<u64>> {
    let rest = name.strip_prefix("libonnxruntime.")?;
    let version = match rest.strip_suffix("dylib") {
        Some(version) => version.trim_end_matches('.'),
        None => rest.strip_prefix("so")?.trim_start_matches('.'),
    };
    match version.is_empty() {
        // Without a version it is what the system itself would take.
        true => Some(vec![u64::MAX]),
        false => version.split('.').map(|part| part.parse().ok()).collect(),
    }
}

/// The folders that a path with one `*` in it means, the highest version first.
fn spread(path: &Path) -> Vec<PathBuf> {
    let text = path.to_string_lossy();
    let Some((before, after)) = text.split_once('*') else { return vec![path.to_owned()] };
    let Some((folder, start)) = before.rsplit_once('/') else { return Vec::new() };
    let mut found: Vec<(Vec<u64>, PathBuf)> = names(Path::new(folder))
        .into_iter()
        .filter_map(|name| {
            let version = name.strip_prefix(start)?.trim_start_matches('.');
            let version = version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>();
            let inside = Path::new(folder).join(&name).join(after.trim_start_matches('/'));
            Some((version?, inside))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let entries = entries.take(ENTRIES_MAX).flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// The version of a loaded library: by its real name, or by what it says of how it was built
/// (`git-branch=rel-1.31.1`).
pub fn version(path: &Path, built: &str) -> String {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let named = version_of(&name).filter(|version| version[0] != u64::MAX);
    if let Some(version) = named {
        return version.iter().map(u64::to_string).collect::<Vec<_>>().join(".");
    }
    let branch = built.split("git-branch=").nth(1).unwrap_or_default();
    let branch: String = branch.chars().take_while(|c| *c != ',').take(64).collect();
    match branch.trim_start_matches("rel-") {
        "" => "of an unknown version".to_owned(),
        version => version.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_where_they_usually_are() {
        let root = env::temp_dir().join(format!("tidegate-libraries-{}", std::process::id()));
        let python = |folder: &str, version: &str| {
            format!("{folder}/onnxruntime/capi/libonnxruntime.so.{version}")
        };
        let files = [
            "own/lib.so".to_owned(),
            "usr/lib/libonnxruntime.so".to_owned(),
            "usr/lib/libonnxruntime.so.1.9.0".to_owned(),
            "usr/lib/libonnxruntime.so.1.17.3".to_owned(),
            "usr/lib/libonnxruntime_providers_shared.so".to_owned(),
            "usr/lib/libonnxruntime.so.old".to_owned(),
            python("path", "1.23.2"),
            python("venv/lib/python3.9/site-packages", "1.20.0"),
            python("venv/lib/python3.11/site-packages", "1.31.1"),
            python("usr/lib/python3/dist-packages", "1.18.0"),
        ];
        for file in &files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("it can be made");
            fs::write(path, "").expect("it can be written");
        }
        let variable = |name: &str| match name {
            "ORT_DYLIB_PATH" => Some(root.join("own/lib.so").into_os_string()),
            "VIRTUAL_ENV" => Some(root.join("venv").into_os_string()),
            "PYTHONPATH" => {
                let folders = [PathBuf::new(), "relative".into(), root.join("path")];
                env::join_paths(folders).ok()
            }
            _ => None,
        };
        let found = candidates_in(&root, &variable);
        fs::remove_dir_all(&root).expect("it can be removed");
        let order = [0, 1, 3, 2, 6, 8, 7, 9];
        let expected: Vec<PathBuf> = order.iter().map(|index| root.join(&files[*index])).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn versions_are_told() {
        let check = |path: &str, built: &str, expected: &str| {
            assert_eq!(version(Path::new(path), built), expected, "{path} {built}");
        };
        check("/no/libonnxruntime.so.1.31.1", "", "1.31.1");
        check("/no/libonnxruntime.1.31.1.dylib", "", "1.31.1");
        check("/no/x.so", "ORT Build Info: git-branch=rel-1.19.0, git-commit-id=2", "1.19.0");
        check("/no/libonnxruntime.so", "", "of an unknown version");
    }
}
