// SPDX-License-Identifier: GPL-2.0

//! Page requests: each is handed on as it was made, each group is answered once, and none is left
//! behind in the queue.

use super::{
    host::{
        Device,
        Host,
        Space, //
    },
    *, //
};
use crate::vtd::{
    arch::{
        descriptor::Response,
        request::{
            Group,
            PageRequest, //
        },
    },
    model::{
        requests::{
            Answer,
            Ask, //
        },
        shared::Shared, //
    },
    regs,
    requests::Server, //
};
use core::cell::Cell;
use kernel::prelude::*;

const RID: u16 = 0x00f8;
const OTHER: u16 = 0x0300;
const IOVA: u64 = 0x1_2345_6000;
const PASID: Option<u32> = Some(0x123);
/// What fits in the queue.
const ROOM: u16 = 127;

/// The codes of answers.
const SUCCESS: u8 = 0;
const INVALID: u8 = 1;

/// A request for one page, the last of its group.
const ASK: Ask = Ask {
    rid: RID,
    pasid: None,
    group: 7,
    address: IOVA,
    read: true,
    write: false,
    last: true,
    junk: 0,
};

/// Takes what one device asks for, or nothing.
struct Pages {
    of: Option<u16>,
    taken: Shared<KVec<PageRequest>>,
    refused: Cell<u32>,
    lost: Cell<u32>,
    malformed: Cell<u32>,
}

impl Pages {
    const fn of(of: Option<u16>) -> Self {
        Self {
            of,
            taken: Shared::new(KVec::new()),
            refused: Cell::new(0),
            lost: Cell::new(0),
            malformed: Cell::new(0),
        }
    }

    fn taken(&self) -> KVec<PageRequest> {
        core::mem::take(&mut *self.taken.borrow_mut())
    }
}

fn count(n: &Cell<u32>) {
    n.set(n.get() + 1);
}

impl Server for Pages {
    fn take(&self, request: &PageRequest) -> bool {
        self.of == Some(request.group.sid)
            && self.taken.borrow_mut().push(*request, GFP_KERNEL).is_ok()
    }

    fn refused(&self, _request: &PageRequest) {
        count(&self.refused);
    }

    fn lost(&self) {
        count(&self.lost);
    }

    fn malformed(&self, _raw: &[u64; 4]) {
        count(&self.malformed);
    }
}

/// What a request becomes.
fn request(ask: &Ask) -> PageRequest {
    PageRequest {
        group: Group {
            sid: ask.rid,
            pasid: ask.pasid,
            index: ask.group,
        },
        last: ask.last,
        address: ask.address,
        read: ask.read,
        write: ask.write,
        execute: false,
        privileged: false,
    }
}

/// The answer of software to a group.
fn answer(ask: &Ask, code: u8) -> Answer {
    Answer {
        rid: ask.rid,
        pasid: ask.pasid,
        group: ask.group,
        code,
        by_unit: false,
    }
}

/// What devices ask for at once: groups of one and of several, with and without PASID, and stop
/// markers.
const MANY: [Ask; 7] = [
    ASK,
    Ask {
        pasid: PASID,
        last: false,
        ..ASK
    },
    Ask {
        rid: OTHER,
        group: 0x1ff,
        read: false,
        write: true,
        ..ASK
    },
    Ask {
        pasid: PASID,
        address: IOVA + 0x1000,
        ..ASK
    },
    Ask {
        pasid: Some(0xf_ffff),
        read: false,
        ..ASK
    },
    // Another device's group of the same number.
    Ask {
        rid: OTHER,
        pasid: Some(0),
        write: true,
        ..ASK
    },
    // No stop marker, as that has a PASID.
    Ask {
        group: 0,
        read: false,
        ..ASK
    },
];

/// The groups of them that wait for an answer.
const GROUPS: [usize; 5] = [0, 2, 3, 5, 6];

fn ask(model: &Model, asks: &[Ask]) -> Result {
    for ask in asks {
        model.ask(*ask)?;
    }
    Ok(())
}

/// A host whose unit and two devices are in use.
fn with_devices(
    model: &Model,
    f: impl FnOnce(&Host, &Device<'_>, &Device<'_>) -> Result,
) -> Result {
    let host = Host::new(model)?;

    host.engine.start()?;

    let one = Device::with(&host, RID, true, true)?;
    let other = Device::with(&host, OTHER, true, true)?;

    f(&host, &one, &other)?;
    // An answer that nobody waits for is wrong, too.
    host.check();
    assert!(!host.is_wrong());
    one.release()?;
    other.release()
}

/// Whether `f` gets all answers from devices, with the `n`th of software's lost if it says so.
fn refuses_all(lose: Option<usize>) -> Result<bool> {
    let model = Model::new(Config::RICH)?;
    let mut right = false;

    with_devices(&model, |host, _, _| {
        let nobody = Pages::of(None);

        if let Some(n) = lose {
            model.lose_answer(n);
        }
        ask(&model, &MANY)?;
        model.arrive();
        host.engine.serve_page_requests(&nobody);

        let answers = model.answers();

        right = model.unanswered() == 0
            && answers
                .iter()
                .copied()
                .eq(GROUPS.map(|i| answer(&MANY[i], INVALID)))
            && nobody.refused.get() == 5;
        Ok(())
    })?;
    Ok(right)
}

/// Whether no request of a PASID is left when it is detached, with a unit that drains or not.
fn detaches(drains: bool) -> Result<bool> {
    let model = Model::new(Config::RICH)?;
    let mut right = false;

    with_devices(&model, |host, device, _| {
        let space = Space::new(host, Purpose::FirstStage)?;
        let pages = Pages::of(Some(RID));
        let of_pasid = Ask {
            pasid: PASID,
            ..ASK
        };

        if !drains {
            model.forget_to_drain();
        }
        device.attach(PASID, space.to())?;
        model.ask(of_pasid)?;
        device.attach(PASID, Attachment::Blocked)?;
        device.source.drain_page_requests(&pages);

        let taken = pages.taken();

        // The next one who gets the PASID has nothing to do with it.
        model.arrive();
        host.engine.serve_page_requests(&pages);
        right = taken.iter().copied().eq([request(&of_pasid)]) && pages.taken().is_empty();
        host.engine
            .answer(&request(&of_pasid).group, Response::Success)
    })?;
    Ok(right)
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_requests))]
mod cases {
    use super::*;

    #[test]
    fn what_nobody_takes_is_refused() -> Result {
        assert!(refuses_all(None)?);
        // None of the answers could be left out.
        for n in 0..GROUPS.len() {
            assert!(!refuses_all(Some(n))?);
        }
        Ok(())
    }

    #[test]
    fn what_is_taken_is_answered_later() -> Result {
        let model = Model::new(Config::RICH)?;

        with_devices(&model, |host, _, _| {
            let pages = Pages::of(Some(RID));

            ask(&model, &MANY)?;
            model.arrive();
            host.engine.serve_page_requests(&pages);
            // The other device's are refused.
            assert!(model
                .answers()
                .iter()
                .copied()
                .eq([2, 5].map(|i| answer(&MANY[i], INVALID))));
            assert!(pages
                .taken()
                .iter()
                .copied()
                .eq([0, 1, 3, 6].map(|i| request(&MANY[i]))));
            assert_eq!(model.unanswered(), 3);

            for (i, response, code) in [
                (3, Response::Success, SUCCESS),
                (6, Response::Failure, 15),
                (0, Response::Invalid, INVALID),
            ] {
                host.engine.answer(&request(&MANY[i]).group, response)?;
                assert!(model.answers().iter().copied().eq([answer(&MANY[i], code)]));
            }
            assert_eq!(model.unanswered(), 0);
            // Nothing is handed on twice.
            host.engine.serve_page_requests(&pages);
            assert!(pages.taken().is_empty());
            Ok(())
        })
    }

    #[test]
    fn what_is_malformed_is_refused() -> Result {
        let model = Model::new(Config::RICH)?;

        with_devices(&model, |host, _, _| {
            let pages = Pages::of(Some(RID));
            // A reserved bit; one with more to come; another type, whose fields mean nothing.
            let bad = [
                Ask {
                    junk: 1 << 63,
                    ..ASK
                },
                Ask {
                    junk: 1 << 9,
                    last: false,
                    ..ASK
                },
                Ask {
                    junk: 2,
                    last: false,
                    ..ASK
                },
            ];

            ask(&model, &bad)?;
            model.arrive();
            host.engine.serve_page_requests(&pages);
            assert!(model.answers().iter().copied().eq([answer(&ASK, INVALID)]));
            assert!(pages.taken().is_empty());
            assert_eq!(pages.malformed.get(), 3);
            Ok(())
        })
    }

    #[test]
    fn around_the_ring() -> Result {
        let model = Model::new(Config::RICH)?;

        with_devices(&model, |host, _, _| {
            let pages = Pages::of(Some(RID));

            // Up to as many as fit, from all places.
            for n in (1..=ROOM).rev().step_by(7) {
                for group in 0..n {
                    model.ask(Ask { group, ..ASK })?;
                }
                model.arrive();
                assert!(!host.engine.serve_page_requests(&pages));
                assert!(pages
                    .taken()
                    .iter()
                    .map(|request| request.group.index)
                    .eq(0..n));
                for group in 0..n {
                    let group = request(&Ask { group, ..ASK }).group;

                    host.engine.answer(&group, Response::Success)?;
                }
                assert_eq!(model.unanswered(), 0);
            }
            assert_eq!(pages.lost.get(), 0);
            assert_eq!(model.read32(regs::PRS), 0);
            Ok(())
        })
    }

    #[test]
    fn more_than_fit() -> Result {
        let model = Model::new(Config::RICH)?;

        with_devices(&model, |host, _, _| {
            let pages = Pages::of(None);
            let all = || (0..ROOM + 2).try_for_each(|group| model.ask(Ask { group, ..ASK }));

            for round in 1..=3 {
                all()?;
                model.arrive();
                // The unit has told the device to try again.
                assert_eq!(model.answers().len(), 2);
                assert!(host.engine.serve_page_requests(&pages));
                assert_eq!(pages.lost.get(), round);
                assert_eq!(model.answers().len(), usize::from(ROOM));
                assert_eq!(model.unanswered(), 0);
                // It takes requests again.
                model.ask(ASK)?;
                model.arrive();
                assert!(!host.engine.serve_page_requests(&pages));
                assert!(model.answers().iter().copied().eq([answer(&ASK, INVALID)]));
            }
            Ok(())
        })
    }

    #[test]
    fn a_pasid_that_is_detached() -> Result {
        assert!(detaches(true)?);
        assert!(!detaches(false)?);
        Ok(())
    }

    #[test]
    fn a_drain_that_comes_into_an_overflow() -> Result {
        let model = Model::new(Config::RICH)?;

        with_devices(&model, |_, device, _| {
            let pages = Pages::of(None);

            for group in 0..ROOM + 2 {
                model.ask(Ask {
                    rid: OTHER,
                    group,
                    ..ASK
                })?;
            }
            device.source.drain_page_requests(&pages);
            assert_eq!(pages.lost.get(), 1);
            assert_eq!(model.unanswered(), 0);
            assert_eq!(model.read32(regs::PRS), 0);
            Ok(())
        })
    }

    #[test]
    fn who_may_ask() -> Result {
        let model = Model::new(Config::RICH)?;
        let host = Host::new(&model)?;
        let pages = Pages::of(Some(RID));

        host.engine.start()?;
        for (ats, may) in [(false, false), (true, false), (true, true)] {
            let device = Device::with(&host, RID, ats, may)?;

            model.ask(ASK)?;
            model.arrive();
            host.engine.serve_page_requests(&pages);
            assert_eq!(pages.taken().len(), usize::from(may));
            // Whoever may not is refused by the unit.
            assert_eq!(model.answers().len(), usize::from(!may));
            if may {
                host.engine
                    .answer(&request(&ASK).group, Response::Success)?;
                model.answers();
            }
            device.release()?;
        }

        // A device that is cut off from what it had cached, and one that is gone.
        let device = Device::with(&host, RID, true, true)?;
        let space = Space::new(&host, Purpose::SecondStage)?;

        device.attach(None, space.to())?;
        model.set_mute(RID, true)?;
        space.unmap(IOVA, 1)?;
        model.ask(ASK)?;
        model.arrive();
        assert!(model.answers().iter().all(|answer| answer.by_unit));
        model.set_mute(RID, false)?;
        device.release()?;
        model.ask(ASK)?;
        model.arrive();
        assert_eq!(model.answers().len(), 1);
        assert!(!host.is_wrong());
        Ok(())
    }

    #[test]
    fn start_and_stop() -> Result {
        let model = Model::new(Config::RICH)?;
        let host = Host::new(&model)?;

        // Somebody has left it full.
        model.preset_requests(3);
        model.write64(regs::PQH, 0x20);
        model.write32(regs::PECTL, 0);
        host.engine.start()?;
        assert_eq!(model.read32(regs::PRS), 0);
        assert_eq!(model.read64(regs::PQH), 0);
        assert_eq!(model.read32(regs::PECTL), regs::PECTL_IM);
        assert!(model.memory().is_live(model.read64(regs::PQA)));
        host.engine.stop()?;
        assert_eq!(model.read64(regs::PQA), 0);
        assert!(model.misuse().is_none());
        Ok(())
    }

    #[test]
    fn a_unit_without() -> Result {
        // Without PRS, and without PDS: nobody would know when a request is the last.
        for bit in [29, 42] {
            let model = Model::new(Config {
                ecap: Config::RICH.ecap & !(1 << bit),
                ..Config::RICH
            })?;
            let host = Host::new(&model)?;
            let pages = Pages::of(Some(RID));

            host.engine.start()?;
            assert_eq!(model.read64(regs::PQA), 0);
            assert!(!host.engine.serve_page_requests(&pages));
            host.engine.drain_page_requests(&pages);
            host.engine.stop()?;
            assert!(model.misuse().is_none());
        }
        Ok(())
    }
}
