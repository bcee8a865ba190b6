//! Asynchronous Event Request and what completes it (Base 5.1.2).

use std::time::Duration;

use nvmetest::prelude::*;
use nvmetest::spec::log::SmartHealth;
use nvmetest::{ControllerConfig, Event, LogPage};
use zerocopy::FromBytes;

/// Feature identifiers (Base 5.1.25.1).
const TEMPERATURE_THRESHOLD: u8 = 0x04;
const ASYNCHRONOUS_EVENT_CONFIGURATION: u8 = 0x0b;

/// Log page identifiers (Base 5.1.12.1).
const ERROR_INFORMATION: u8 = 0x01;
const SMART: u8 = 0x02;

/// The bit of Asynchronous Event Configuration that enables events of the temperature (Base 5.1.25.1.5).
const TEMPERATURE: u32 = 1 << 1;

/// How long an event may take: a controller may look at its temperature but now and then.
const SOON: Duration = Duration::from_secs(30);

/// How long a test waits for an event that is not to come.
const NEVER: Duration = Duration::from_millis(300);

/// Without an event no request completes.
#[nvme_test(spec = "Base 5.1.2")]
fn a_request_stays_outstanding_without_an_event(nvme: &Controller) -> Result {
    take_what_is_pending(nvme)?;
    let events = nvme.events(1)?;
    for _ in 0..50 {
        nvme.get_features(0x07).run(nvme)?;
    }
    assert_eq!(events.poll(NEVER)?, None);
    assert_eq!(events.outstanding(), 1);
    Ok(())
}

/// AERL + 1 requests are outstanding at a time; one more is Asynchronous Event Request Limit Exceeded.
#[nvme_test(spec = "Base 5.1.2")]
fn no_more_requests_than_the_limit_are_outstanding(nvme: &mut Controller) -> Result {
    // More entries than AERL can name.
    let config =
        ControllerConfig { admin_sq_entries: 512, admin_cq_entries: 512, ..*nvme.config() };
    nvme.reset_with(&config)?;
    take_what_is_pending(nvme)?;
    let limit = usize::from(nvme.capabilities().controller.aerl_z) + 1;
    {
        let events = nvme.events(limit)?;
        assert_eq!(events.poll(NEVER)?, None);
        assert_eq!(events.outstanding(), limit);
        for _ in 0..3 {
            let one_more = nvme.async_event_request();
            let status = Status::ASYNCHRONOUS_EVENT_REQUEST_LIMIT_EXCEEDED;
            one_more.expect(status).run(&*nvme)?;
        }
        assert_eq!(events.outstanding(), limit);
    }
    nvme.reset_to_default()
}

/// A temperature above its threshold is an event of type SMART / health, and names the log to read.
#[nvme_test(spec = "Base 5.1.2.1")]
fn a_temperature_above_its_threshold_is_an_event(nvme: &Controller) -> Result {
    with_temperature_events(nvme, |heat| {
        let events = nvme.events(1)?;
        heat()?;
        is_temperature_event(events.next(SOON)?)
    })
}

/// An event that comes while no request is outstanding is kept for the next one.
#[nvme_test(spec = "Base 5.1.2")]
fn an_event_waits_for_a_request(nvme: &Controller) -> Result {
    with_temperature_events(nvme, |heat| {
        heat()?;
        is_temperature_event(nvme.events(1)?.next(SOON)?)
    })
}

/// An event completes one request, and not all that are outstanding.
#[nvme_test(spec = "Base 5.1.2")]
fn an_event_completes_one_request(nvme: &Controller) -> Result {
    let requests = usize::from(nvme.capabilities().controller.aerl_z).min(3) + 1;
    if requests < 2 {
        return Err(Error::NotApplicable("AERL is 0: there is one request at a time".to_owned()));
    }
    with_temperature_events(nvme, |heat| {
        let events = nvme.events(requests)?;
        heat()?;
        is_temperature_event(events.next(SOON)?)?;
        assert_eq!(events.poll(NEVER)?, None);
        assert_eq!(events.outstanding(), requests - 1);
        Ok(())
    })
}

/// Events of a type do not come again before their log page was read.
#[nvme_test(spec = "Base 5.1.2")]
fn an_event_is_masked_until_its_log_page_is_read(nvme: &Controller) -> Result {
    with_temperature_events(nvme, |heat| {
        let events = nvme.events(1)?;
        heat()?;
        is_temperature_event(events.next(SOON)?)?;
        events.request()?;
        heat()?;
        assert_eq!(events.poll(NEVER)?, None, "the log page was not read");

        smart(nvme, LogPage::of(SMART))?;
        heat()?;
        is_temperature_event(events.next(SOON)?)
    })
}

/// A log page that is read with RAE leaves its events masked.
#[nvme_test(spec = "Base 5.1.12")]
fn an_event_stays_masked_when_its_log_page_is_read_with_rae(nvme: &Controller) -> Result {
    with_temperature_events(nvme, |heat| {
        let events = nvme.events(1)?;
        heat()?;
        is_temperature_event(events.next(SOON)?)?;
        events.request()?;
        smart(nvme, LogPage { retain_event: true, ..LogPage::of(SMART) })?;
        heat()?;
        assert_eq!(events.poll(NEVER)?, None, "the event was retained");

        smart(nvme, LogPage::of(SMART))?;
        heat()?;
        is_temperature_event(events.next(SOON)?)
    })
}

/// An event that Asynchronous Event Configuration does not enable does not come.
#[nvme_test(spec = "Base 5.1.25.1.5")]
fn an_event_that_is_not_enabled_does_not_come(nvme: &Controller) -> Result {
    with_temperature_events(nvme, |heat| {
        let enabled = nvme.get_features(ASYNCHRONOUS_EVENT_CONFIGURATION).run(nvme)?.cdw0;
        let disabled = enabled & !TEMPERATURE;
        nvme.set_features(ASYNCHRONOUS_EVENT_CONFIGURATION, disabled).run(nvme)?;
        let events = nvme.events(1)?;
        heat()?;
        assert_eq!(events.poll(NEVER)?, None);
        Ok(())
    })
}

/// The critical warning in the SMART log says what the event was about.
#[nvme_test(spec = "Base 5.1.12.1.3")]
fn the_log_page_of_a_temperature_event_has_the_warning(nvme: &Controller) -> Result {
    with_temperature_events(nvme, |heat| {
        let events = nvme.events(1)?;
        heat()?;
        is_temperature_event(events.next(SOON)?)?;
        assert!(smart(nvme, LogPage::of(SMART))?.cw.ttc());
        Ok(())
    })
}

/// Reads the Error Information log page: error events may come again.
pub(crate) fn read_error_log(nvme: &Controller) -> Result {
    let mut page = nvme.buffer(64);
    nvme.get_log_page(LogPage::of(ERROR_INFORMATION), &mut page).run(nvme)?;
    Ok(())
}

/// Runs `body` with temperature events enabled, and puts back what was changed.
///
/// `body` gets a function that makes the controller too warm by its threshold, after it was not.
fn with_temperature_events(
    nvme: &Controller,
    body: impl FnOnce(&dyn Fn() -> Result) -> Result,
) -> Result {
    let configuration = nvme.get_features(ASYNCHRONOUS_EVENT_CONFIGURATION).run(nvme)?.cdw0;
    let threshold = nvme.get_features(TEMPERATURE_THRESHOLD).run(nvme)?.cdw0;
    let set_threshold = |kelvins: u32| -> Result {
        nvme.set_features(TEMPERATURE_THRESHOLD, kelvins).run(nvme)?;
        Ok(())
    };
    let heat = || {
        let temperature = smart(nvme, LogPage { retain_event: true, ..LogPage::of(SMART) })?.ctemp;
        set_threshold(threshold)?;
        set_threshold(u32::from(temperature.get()).saturating_sub(10))
    };

    take_what_is_pending(nvme)?;
    let enabled = configuration | TEMPERATURE;
    nvme.set_features(ASYNCHRONOUS_EVENT_CONFIGURATION, enabled).run(nvme)?;
    let result = body(&heat);
    let restored = set_threshold(threshold).and_then(|()| {
        nvme.set_features(ASYNCHRONOUS_EVENT_CONFIGURATION, configuration).run(nvme)?;
        smart(nvme, LogPage::of(SMART)).map(drop)
    });
    result?;
    restored
}

/// Takes the events that earlier tests have caused, and reads their log pages.
///
/// Where a request that was to be taken back stays outstanding, there is no way to tell what it would swallow: a
/// controller need not abort what it is asked to abort (Base 5.1.1).
fn take_what_is_pending(nvme: &Controller) -> Result {
    const MOST: usize = 16;
    smart(nvme, LogPage::of(SMART))?;
    read_error_log(nvme)?;
    for _ in 0..MOST {
        let Some(event) = nvme.events(1)?.poll(Duration::from_millis(50))? else {
            if nvme.keeps_event_requests() {
                let why = "the controller does not abort Asynchronous Event Requests".to_owned();
                return Err(Error::NotApplicable(why));
            }
            return Ok(());
        };
        let mut page = nvme.buffer(512);
        nvme.get_log_page(LogPage::of(event.log_page()), &mut page).run(nvme)?;
    }
    Err(Error::Blocked(format!("more than {MOST} events came one after the other")))
}

fn is_temperature_event(event: Event) -> Result {
    const SMART_HEALTH: u8 = 1;
    const TEMPERATURE_THRESHOLD: u8 = 1;
    let expected = (SMART_HEALTH, TEMPERATURE_THRESHOLD, SMART);
    assert_eq!((event.kind(), event.info(), event.log_page()), expected, "{event:?}");
    Ok(())
}

fn smart(nvme: &Controller, what: LogPage) -> Result<SmartHealth> {
    let mut page = nvme.buffer(size_of::<SmartHealth>());
    nvme.get_log_page(what, &mut page).run(nvme)?;
    Ok(SmartHealth::read_from_bytes(&page).expect("the buffer has the size of the log"))
}
