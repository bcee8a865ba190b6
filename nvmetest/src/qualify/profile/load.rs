//! Reading a profile, and refusing one that makes no sense.

use std::io;
use std::path::Path;
use std::time::Duration;

use thiserror::Error;
use toml::Spanned;

use super::Listed;
use super::Profile;
use super::SHIPPED;
use super::file::File;
use super::limits::Limits;
use super::pattern::Pattern;
use crate::document::Document;
use crate::document::Mistake;
use crate::results::Mode;

/// How long a test may take if neither it nor the profile says so.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Why there is no profile.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// No profile has this name.
    #[error(
        "there is no profile `{name}`; give one of {known}, or the path of a file; `profile` lists them"
    )]
    Unknown {
        /// The name.
        name: String,
        /// Those that are shipped.
        known: String,
    },
    /// The file cannot be read.
    #[error("the profile {path} cannot be read: {error}")]
    File {
        /// Its name.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// Something in it is wrong.
    #[error("{0}")]
    Mistake(#[from] Mistake),
    /// None of the tests runs.
    #[error("the profile `{name}` selects none of the {tests} tests of this program")]
    Empty {
        /// Its name.
        name: String,
        /// How many tests there are.
        tests: usize,
    },
}

/// What is done about names that no test has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// The profile is for all suites, and names what some of them have.
    OfAnySuite,
    /// The profile is of the person who runs it, and a wrong name is a mistake.
    OfThisSuite,
}

impl Profile {
    /// Reads the shipped profile `name`, or the file of that name.
    ///
    /// A file is refused that names areas or tests which are not among `tests`. A shipped one is for all suites, and what a
    /// suite does not have does not count.
    ///
    /// # Errors
    ///
    /// Fails if there is none, if anything in it is unknown or contradicts something else, and if it selects no test.
    pub fn load(name: &str, tests: &[Listed]) -> Result<Self, ProfileError> {
        if let Some(shipped) = SHIPPED.iter().find(|shipped| shipped.name == name) {
            let document = Document::new(format!("profile {name}"), shipped.text);
            return Self::read(name, &document, tests, Names::OfAnySuite);
        }
        let path = Path::new(name);
        if !path.is_file() && !name.contains('/') && !name.ends_with(".toml") {
            let known: Vec<&str> = SHIPPED.iter().map(|shipped| shipped.name).collect();
            let known = known.join(", ");
            return Err(ProfileError::Unknown { name: name.to_owned(), known });
        }
        let document = Document::read(path)
            .map_err(|error| ProfileError::File { path: name.to_owned(), error })?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::read(&stem, &document, tests, Names::OfThisSuite)
    }

    /// Reads the shipped profile `name` as if a person had written it for these tests: what is not there is a mistake.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_strictly(name: &str, tests: &[Listed]) -> Result<Self, ProfileError> {
        match SHIPPED.iter().find(|shipped| shipped.name == name) {
            Some(shipped) => {
                let document = Document::new(format!("profile {name}"), shipped.text);
                Self::read(name, &document, tests, Names::OfThisSuite)
            }
            None => Self::load(name, tests),
        }
    }

    fn read(
        name: &str,
        document: &Document,
        tests: &[Listed],
        names: Names,
    ) -> Result<Self, ProfileError> {
        let file: File = document.parse()?;
        let checked = Checked { document, tests, names };
        checked.modes(&file)?;
        checked.names(&file)?;
        let scale = file.time.scale.map_or(Ok(1.0), |scale| checked.scale(&scale))?;
        let repeats = file.time.repeats.map_or(Ok(1), |repeats| checked.repeats(&repeats))?;
        let everything = || vec![Pattern::new("*")];
        let required = (file.required.pass, file.required.applicable);
        let profile = Self {
            name: name.to_owned(),
            title: file.title,
            mode: file.mode,
            seed: file.seed,
            repeats,
            retries: match file.mode {
                Mode::Ci => file.unexpected.retries.map_or(1, Spanned::into_inner),
                Mode::Certify => 0,
            },
            timeout: file.time.timeout.map_or(TIMEOUT, |span| span.0),
            scale,
            areas: file.tests.areas.map(inner),
            include: file.tests.include.map(inner),
            exclude: inner(file.tests.exclude),
            ignored: file.tests.ignored,
            waivers: match file.mode {
                Mode::Ci => file.waivers.used.map_or_else(everything, Spanned::into_inner),
                Mode::Certify => Vec::new(),
            },
            pass: required.0.iter().map(|pattern| pattern.get_ref().clone()).collect(),
            applicable: required.1.iter().map(|pattern| pattern.get_ref().clone()).collect(),
            limits: Limits::of(
                file.limits,
                document,
                (names == Names::OfThisSuite).then_some(tests),
            )?,
        };
        checked.required(&profile, &required.0, "has to pass")?;
        checked.required(&profile, &required.1, "has to be applicable")?;
        if !tests.iter().any(|test| profile.selects(test).is_ok()) {
            return Err(ProfileError::Empty { name: name.to_owned(), tests: tests.len() });
        }
        Ok(profile)
    }
}

/// A profile that is being looked at.
struct Checked<'a> {
    document: &'a Document,
    tests: &'a [Listed],
    names: Names,
}

impl Checked<'_> {
    /// A run that certifies does nothing to make its verdicts look better.
    fn modes(&self, file: &File) -> Result<(), Mistake> {
        if file.mode != Mode::Certify {
            return Ok(());
        }
        if let Some(retries) = file.unexpected.retries.as_ref().filter(|it| 0 < *it.get_ref()) {
            let what = "a run that certifies does not run a test again; delete `retries`, or take mode = \"ci\"";
            return Err(self.document.mistake(retries.span(), what));
        }
        if let Some(used) = file.waivers.used.as_ref().filter(|it| !it.get_ref().is_empty()) {
            let what =
                "in a run that certifies no waiver counts; delete `use`, or take mode = \"ci\"";
            return Err(self.document.mistake(used.span(), what));
        }
        Ok(())
    }

    fn names(&self, file: &File) -> Result<(), Mistake> {
        if self.names == Names::OfAnySuite {
            return Ok(());
        }
        for area in file.tests.areas.iter().flatten() {
            if !self.tests.iter().any(|test| test.area() == area.get_ref()) {
                let what = format!(
                    "there is no area `{}`; the areas are {}",
                    area.get_ref(),
                    areas(self.tests).join(", ")
                );
                return Err(self.document.mistake(area.span(), what));
            }
        }
        let patterns = file.tests.include.iter().flatten().chain(&file.tests.exclude);
        let required = file.required.pass.iter().chain(&file.required.applicable);
        for pattern in patterns.chain(required) {
            if !self.tests.iter().any(|test| pattern.get_ref().matches(&test.name)) {
                let what = format!(
                    "no test matches `{}`; delete it or correct the name",
                    pattern.get_ref()
                );
                return Err(self.document.mistake(pattern.span(), what));
            }
        }
        Ok(())
    }

    /// What is required has to run.
    fn required(
        &self,
        profile: &Profile,
        required: &[Spanned<Pattern>],
        how: &str,
    ) -> Result<(), Mistake> {
        for pattern in required {
            let matched = || self.tests.iter().filter(|test| pattern.get_ref().matches(&test.name));
            if matched().any(|test| profile.selects(test).is_ok()) {
                continue;
            }
            // A suite without these tests is none of the profile's business, if it is for all suites.
            if let Some(test) = matched().next() {
                let why = profile.selects(test).err().map(|why| why.to_string());
                let what = format!(
                    "`{}` {how} and does not run: {}; delete one of the two",
                    pattern.get_ref(),
                    why.unwrap_or_default()
                );
                return Err(self.document.mistake(pattern.span(), what));
            }
        }
        Ok(())
    }

    fn scale(&self, scale: &Spanned<f64>) -> Result<f64, Mistake> {
        let value = *scale.get_ref();
        if (0.01..=1000.0).contains(&value) {
            return Ok(value);
        }
        Err(self.document.mistake(scale.span(), "give a scale from 0.01 to 1000"))
    }

    fn repeats(&self, repeats: &Spanned<u32>) -> Result<u32, Mistake> {
        match *repeats.get_ref() {
            value @ 1..=1_000_000 => Ok(value),
            _ => Err(self.document.mistake(repeats.span(), "give a count from 1 to 1000000")),
        }
    }
}

fn inner<T>(spanned: Vec<Spanned<T>>) -> Vec<T> {
    spanned.into_iter().map(Spanned::into_inner).collect()
}

fn areas(tests: &[Listed]) -> Vec<&str> {
    let mut areas: Vec<&str> = tests.iter().map(Listed::area).collect();
    areas.sort_unstable();
    areas.dedup();
    areas
}
