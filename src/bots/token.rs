//! Reads a bot's secret from a file or the environment, again for each connection.

use std::{
    env,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde::Deserialize;

/// Tokens are some hundred letters.
const TOKEN_BYTES_MAX: u64 = 4096;

/// Where the secret is: one of the two.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct TokenPlace {
    pub token_file: Option<PathBuf>,
    pub token_env: Option<String>,
}

/// A secret that may be replaced while the bot runs. It is never shown.
pub struct Token {
    place: TokenPlace,
    known: Mutex<Arc<str>>,
}

impl Token {
    /// # Errors
    /// Neither or both places are named, or there is no token.
    pub fn open(place: TokenPlace) -> Result<Token, String> {
        let known = Mutex::new(read(&place)?);
        Ok(Token { place, known })
    }

    /// The token as it is now.
    ///
    /// # Errors
    /// It is not there any more.
    pub fn renew(&self) -> Result<Arc<str>, String> {
        let token = read(&self.place)?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = token.clone();
        Ok(token)
    }

    /// The token as it was for the last connection.
    pub fn known(&self) -> Arc<str> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn read(place: &TokenPlace) -> Result<Arc<str>, String> {
    let (text, named) = match (&place.token_file, &place.token_env) {
        (Some(file), None) => (file_text(file)?, format!("token_file: {}", file.display())),
        (None, Some(name)) => {
            let text = env::var(name).map_err(|_| format!("token_env: {name} is not set"))?;
            (text, format!("token_env: {name}"))
        }
        _ => return Err("settings: one of token_file and token_env is needed".into()),
    };
    let token = text.trim();
    // It goes into headers and addresses.
    match !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()) {
        true => Ok(token.into()),
        false => Err(format!("{named} holds no token")),
    }
}

fn file_text(file: &Path) -> Result<String, String> {
    let wrong = |cause| format!("token_file: {}: {cause}", file.display());
    let mut text = String::new();
    let opened = File::open(file).map_err(wrong)?;
    opened.take(TOKEN_BYTES_MAX).read_to_string(&mut text).map_err(wrong)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_from_one_place_and_can_be_replaced() {
        let file = env::temp_dir().join(format!("tidegate-token-{}", std::process::id()));
        let write = |text: &str| std::fs::write(&file, text).expect("a temporary file");
        let place = |token_file, token_env| TokenPlace { token_file, token_env };
        write(" abc.DEF-1\n");
        let token = Token::open(place(Some(file.clone()), None)).expect("a token");
        assert_eq!(&*token.known(), "abc.DEF-1");
        write("two");
        assert_eq!(token.renew().as_deref(), Ok("two"));
        write("two words");
        assert!(token.renew().is_err_and(|cause| !cause.contains("words")));
        assert_eq!(&*token.known(), "two");
        std::fs::remove_file(&file).expect("it is there");
        assert!(token.renew().is_err());
        let unset = "TIDEGATE_NO_SUCH_VARIABLE".to_owned();
        for (file, env) in [(None, None), (Some(file), Some(unset.clone())), (None, Some(unset))] {
            assert!(Token::open(place(file, env)).is_err());
        }
    }
}
