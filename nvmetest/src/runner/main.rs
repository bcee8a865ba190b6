//! The `main` of a suite.

use std::cell::RefCell;
use std::env;
use std::ffi::OsString;
use std::io;
use std::io::Write;
use std::process::ExitCode;

use libtest_mimic::Arguments;
use libtest_mimic::Failed;
use libtest_mimic::FormatSetting;
use libtest_mimic::Trial;

use super::arguments::Options;
use super::arguments::Stop;
use super::arguments::scheme;
use super::baseline::Baseline;
use super::panics;
use super::registry;
use super::run::Run;
use super::run::locked;
use super::select::Planned;
use super::select::plan;
use super::select::reports;
use super::select::select;
use super::session::Session;
use super::session::Supplies;
use super::setup::SetupError;
use super::shuffle;
use crate::ioworker;
use crate::qualify;
use crate::transport::ROLE_ARGUMENT;
use crate::transport::Scheme;
use crate::transport::vfio;
use crate::transport::vfio_user;

pub(crate) const UNEXPECTED: u8 = 1;
pub(crate) const SETUP: u8 = 2;
pub(crate) const LOST: u8 = 3;

/// The first argument of a suite that is to be a qualification run.
const QUALIFY: &str = "qualify";

/// Runs the tests that are linked in, on devices that `schemes`, `vfio-user:` and `pci:` can open; or becomes another process of a
/// session, if it is started as one.
///
/// See the [module](crate::runner) for what a run is and what the exit code means.
pub fn main(schemes: &[&'static dyn Scheme]) -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().collect();
    let schemes = &[schemes, &[vfio_user::SCHEME, vfio::SCHEME]].concat();
    if let Some(code) = serve_role(schemes) {
        return code;
    }
    if arguments.get(1).is_some_and(|first| first == QUALIFY) {
        return qualify::begin(arguments, schemes);
    }
    plain(arguments, schemes)
}

/// Runs the tests as `arguments` say.
pub(crate) fn plain(arguments: Vec<OsString>, schemes: &[&'static dyn Scheme]) -> ExitCode {
    match run(arguments, schemes) {
        Ok(code) | Err(Stop::Exit(code)) => code,
        Err(Stop::Setup(error)) => {
            complain(&error.to_string());
            ExitCode::from(SETUP)
        }
    }
}

/// Becomes another process of a session (a soft controller, an IOWorker), if this one is started as such.
///
/// [`main`] does this. It is for programs with a harness of their own, which call it before they do anything else.
pub fn serve_role(schemes: &[&'static dyn Scheme]) -> Option<ExitCode> {
    let arguments: Vec<OsString> = env::args_os().take(2).collect();
    let role = role(&arguments);
    // First, for it notes that workers are served: the process of a device starts them, too.
    if let Some(code) = ioworker::serve(role.as_deref()) {
        return Some(code);
    }
    if let Some(code) = qualify::serve(schemes) {
        return Some(code);
    }
    Some(serve(schemes, &role?))
}

/// Returns the role that the process is started for.
fn role(arguments: &[OsString]) -> Option<String> {
    let first = arguments.get(1)?.to_str()?;
    Some(first.strip_prefix(ROLE_ARGUMENT)?.strip_prefix('=')?.to_owned())
}

fn serve(schemes: &[&'static dyn Scheme], role: &str) -> ExitCode {
    schemes.iter().find_map(|scheme| scheme.serve(role)).unwrap_or_else(|| {
        complain(&format!("no device scheme of this suite has the role `{role}`; do not give it"));
        ExitCode::from(SETUP)
    })
}

fn run(arguments: Vec<OsString>, schemes: &[&'static dyn Scheme]) -> Result<ExitCode, Stop> {
    let options = Options::parse(arguments, schemes)?;
    let mut tests = registry::tests()?;
    if let Some(seed) = options.chosen_seed()? {
        shuffle::choose(seed);
    }
    if options.shuffle.is_some() {
        // All tests, and not only the selected: a filter does not change the order.
        shuffle::shuffle(&mut tests, shuffle::seed());
    }
    let devices: Vec<_> = options
        .devices
        .iter()
        .map(|device| Ok((scheme(schemes, device)?, device.clone())))
        .collect::<Result<_, SetupError>>()?;
    let exists = |name: &str| tests.iter().any(|test| test.name() == name);
    let baseline = Baseline::read(&options.baseline, exists)?;

    let mut libtest = options.libtest.clone();
    // A controller runs one test at a time.
    libtest.test_threads = Some(1);
    let planned = plan(&tests, &options.devices);
    let filters: Vec<String> =
        libtest.filter.iter().chain(&options.more_filters).cloned().collect();
    select(&planned, &filters, &mut libtest)?;

    if libtest.list {
        return Ok(list(&libtest, planned));
    }
    let mut run = Run::new(&options, baseline)?;
    let reported: Vec<&Planned> = planned.iter().filter(|p| reports(p, &libtest)).collect();
    locked(&run.tally).expect(reported.len());
    if reported.iter().any(|planned| run.touches_device(planned)) {
        let supplies = Supplies::new(&options)?;
        for (scheme, device) in devices {
            run.sessions.push(Session::open(scheme, device, supplies.clone())?);
        }
    }
    Ok(execute(&libtest, run, planned))
}

fn list(libtest: &Arguments, planned: Vec<Planned>) -> ExitCode {
    let trial = |planned: Planned| {
        let ignored = planned.test.function.ignore.is_some();
        Trial::test(planned.name, || Ok(())).with_ignored_flag(ignored)
    };
    let trials = planned.into_iter().map(trial).collect();
    match panics::catch(|| libtest_mimic::run(libtest, trials)) {
        Ok(_) => ExitCode::SUCCESS,
        Err(panic) => cut_off(&panic),
    }
}

fn execute(libtest: &Arguments, run: Run, planned: Vec<Planned>) -> ExitCode {
    let ignored_too = run.ignored_too;
    RUN.set(Some(run));
    let trial = |planned: Planned| {
        // Without the flag libtest-mimic calls the runner, which knows the reason.
        let ignored = ignored_too && planned.test.function.ignore.is_some();
        let name = planned.name.clone();
        let test = move || RUN.with_borrow_mut(|run| current(run)?.test(&planned));
        Trial::ignorable_test(name, test).with_ignored_flag(ignored)
    };
    let trials = planned.into_iter().map(trial).collect();
    let outcome = panics::catch(|| libtest_mimic::run(libtest, trials));

    let Some(mut run) = RUN.take() else { return ExitCode::from(UNEXPECTED) };
    let complaints = run.close();
    let summary = run.summary();
    if libtest.format == Some(FormatSetting::Json) {
        complain(&summary);
    } else {
        // A reader that went away has seen enough.
        let _ = writeln!(io::stdout(), "{summary}");
    }
    for complaint in &complaints {
        complain(complaint);
    }
    match outcome {
        Err(panic) => cut_off(&panic),
        Ok(_) if run.has_lost_a_device() => ExitCode::from(LOST),
        Ok(_) if complaints.is_empty() && run.is_as_expected() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(UNEXPECTED),
    }
}

thread_local! {
    /// The run. A controller belongs to one thread, and libtest-mimic, told to use one, uses the main thread.
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

fn current(run: &mut Option<Run>) -> Result<&mut Run, Failed> {
    run.as_mut().ok_or_else(|| "the test was run on another thread than the main thread".into())
}

/// The printer of libtest-mimic panics if nobody reads: that is the end of the run, and no news.
fn cut_off(panic: &str) -> ExitCode {
    if !(panic.contains("BrokenPipe") || panic.contains("Broken pipe")) {
        complain(&format!("the runner itself panicked; please report it: {panic}"));
    }
    ExitCode::from(UNEXPECTED)
}

pub(crate) fn complain(sentence: &str) {
    // There is nowhere else to say it.
    let _ = writeln!(io::stderr(), "nvmetest: {sentence}");
}
