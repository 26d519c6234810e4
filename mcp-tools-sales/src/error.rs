use std::{error::Error, fmt};

/// Why sales data could not be loaded. Written for whoever starts the server.
///
/// The message names the file and, where it can, the line and the column, what was expected and what
/// was found:
///
/// ```text
/// sales.csv, line 7, column 6 (revenue): expected a decimal number such as 19.99, found "n/a"
/// ```
///
/// Lines and columns count from 1; the line is the one that the field begins on. `Debug` writes the
/// same, and after it what the system said of a file that cannot be read.
pub struct LoadError(Box<Inner>);

/// What kind of thing went wrong while loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// The file could not be opened or read.
    Io,
    /// The file was read, but its content is not sales data.
    Data,
    /// Where the files are refuses to give them: permission, region, a name that is not there.
    Refused,
    /// The description of the files, `sales.toml`, is not one.
    Format,
}

#[derive(Debug)]
struct Inner {
    file: String,
    /// Where in the file: `line` or `row`, and which, counted from 1.
    place: Option<(&'static str, u64)>,
    column: Option<String>,
    what: What,
}

#[derive(Debug)]
enum What {
    Io(Box<dyn Error + Send + Sync>),
    Data {
        expected: String,
        found: String,
    },
    #[cfg_attr(not(feature = "s3"), expect(dead_code, reason = "only what is far away refuses"))]
    Refused {
        expected: String,
        found: String,
    },
    Format(String),
}

impl LoadError {
    fn new(file: &str, what: What) -> Self {
        Self(Box::new(Inner { file: file.to_owned(), place: None, column: None, what }))
    }

    pub(crate) fn io(
        file: &str,
        line: Option<u64>,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let mut io = Self::new(file, What::Io(error.into()));
        io.0.place = line.map(|line| ("line", line));
        io
    }

    /// A mistake in a text file.
    pub(crate) fn data(
        file: &str,
        line: u64,
        column: impl Into<Option<String>>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        let mut data = Self::file(file, expected.into(), found.into());
        data.0.place = Some(("line", line));
        data.0.column = column.into();
        data
    }

    /// A mistake in a file that has rows and no lines.
    pub(crate) fn row(
        file: &str,
        row: u64,
        column: String,
        expected: String,
        found: String,
    ) -> Self {
        let mut data = Self::file(file, expected, found);
        data.0.place = Some(("row", row));
        data.0.column = Some(column);
        data
    }

    /// A mistake in a file as a whole.
    pub(crate) fn file(file: &str, expected: String, found: String) -> Self {
        Self::new(file, What::Data { expected, found })
    }

    /// A refusal of where the file is.
    #[cfg(feature = "s3")]
    pub(crate) fn refused(file: &str, expected: String, found: String) -> Self {
        Self::new(file, What::Refused { expected, found })
    }

    /// A mistake in a `sales.toml`.
    pub(crate) fn format(file: &str, message: String) -> Self {
        Self::new(file, What::Format(message))
    }

    /// The same, where more lines or rows come before.
    pub(crate) fn after(mut self, before: u64) -> Self {
        self.move_by(before);
        self
    }

    pub(crate) fn move_by(&mut self, before: u64) {
        if let Some((_, place)) = &mut self.0.place {
            *place += before;
        }
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> LoadErrorKind {
        match self.0.what {
            What::Io(_) => LoadErrorKind::Io,
            What::Data { .. } => LoadErrorKind::Data,
            What::Refused { .. } => LoadErrorKind::Refused,
            What::Format(_) => LoadErrorKind::Format,
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { file, place, column, what } = &*self.0;
        f.write_str(file)?;
        if let Some((kind, place)) = place {
            write!(f, ", {kind} {place}")?;
        }
        if let Some(column) = column {
            write!(f, ", column {column}")?;
        }
        match what {
            What::Io(_) => f.write_str(": could not be read"),
            What::Data { expected, found } | What::Refused { expected, found } => {
                write!(f, ": expected {expected}, found {found}")
            }
            What::Format(message) => write!(f, ": {message}"),
        }
    }
}

// A program whose `main` returns this shows its `Debug`: the message serves there too.
impl fmt::Debug for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        match self.source() {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0.what {
            What::Io(error) => Some(&**error),
            What::Data { .. } | What::Refused { .. } | What::Format(_) => None,
        }
    }
}

/// Why a question to the store has no answer. Its message is written for whoever asked, a model
/// included.
#[derive(Debug)]
pub struct QueryError {
    kind: QueryErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What is wrong with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueryErrorKind {
    /// No product, category, operation or currency has that name.
    UnknownName,
    /// The period ends before it begins.
    ReversedPeriod,
    /// Revenue in several currencies would be summed.
    SeveralCurrencies,
    /// The data has not what the question is about.
    NoSuchData,
    /// The answer would cost more than the operator allows.
    TooExpensive,
    /// The data cannot be reached, or cannot be read any more.
    Unavailable,
}

impl QueryError {
    pub(crate) fn new(kind: QueryErrorKind, message: String) -> Self {
        Self { kind, message, source: None }
    }

    /// The data cannot be reached. `message` is for whoever asked, `source` for the operator.
    pub fn unavailable(
        message: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let (kind, message) = (QueryErrorKind::Unavailable, message.into());
        Self { kind, message, source: Some(source.into()) }
    }

    pub(crate) fn into_parts(self) -> (String, Option<Box<dyn Error + Send + Sync>>) {
        (self.message, self.source)
    }

    /// What is wrong with the question.
    pub fn kind(&self) -> QueryErrorKind {
        self.kind
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for QueryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
