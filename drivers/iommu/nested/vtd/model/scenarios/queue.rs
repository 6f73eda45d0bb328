// SPDX-License-Identifier: GPL-2.0

//! The driver's queue on a unit that is slow, refuses, or waits for a device in vain.

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
        descriptor::{
            Descriptor,
            DeviceTlb,
            Drain, //
        },
        range::Block, //
    },
    hw::Page as _,
    model::{
        queue::Pace,
        Page, //
    },
    qi::{
        Queue,
        RUN_MAX, //
    },
    regs::{
        self,
        Command, //
    },
    slot::Invalidate, //
};
use kernel::prelude::*;

const RID: u16 = 0x00f8;
const IOVA: u64 = 0x1_2345_6000;
const DEVICE: DeviceTlb = DeviceTlb {
    sid: RID,
    pfsid: RID,
    depth: 0,
};
const DRAIN: Drain = Drain {
    reads: true,
    writes: true,
};

/// A queue that is on, of a unit that does nothing by itself.
fn stepping(model: &Model) -> Result<Queue<Page>> {
    let queue = Queue::new(model, false)?;

    model.write64(regs::IQT, 0);
    model.write64(regs::IQA, queue.address());
    regs::command(model, Command::Queue(true))?;
    model.set_pace(Pace::Stepping);
    Ok(queue)
}

/// Lets the unit do all it can.
fn step(model: &Model) {
    while model.step() {}
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_queue))]
mod cases {
    use super::*;

    #[test]
    fn a_unit_that_takes_its_time() -> Result {
        let model = Model::new(Config::RICH)?;
        let host = Host::new(&model)?;

        host.engine.start()?;
        model.set_pace(Pace::Pausing);

        let space = Space::new(&host, Purpose::SecondStage)?;
        let device = Device::new(&host, RID, true)?;
        let page = host.data()?;

        host.watch(RID, None, IOVA, true)?;
        space.map(IOVA, page.address(), 1)?;
        device.attach(None, space.to())?;
        assert_eq!(model.dma(RID, None, IOVA + 8, true), Ok(page.address() + 8));
        space.unmap(IOVA, 1)?;
        assert!(model.dma(RID, None, IOVA, true).is_err());
        device.attach(None, Attachment::Blocked)?;
        device.release()?;
        assert!(!host.is_wrong());
        Ok(())
    }

    #[test]
    fn many_times_around_the_ring() -> Result {
        let model = Model::new(Config::RICH)?;
        let host = Host::new(&model)?;
        let all = KVec::from_elem(Descriptor::iotlb_global(DRAIN), RUN_MAX, GFP_KERNEL)?;

        host.engine.start()?;
        for i in 0..400 {
            host.engine.invalidate(&all[..i % (RUN_MAX + 1)])?;
        }
        assert!(model.misuse().is_none());
        Ok(())
    }

    #[test]
    fn no_room() -> Result {
        let model = Model::new(Config::RICH)?;
        let mut queue = stepping(&model)?;
        let all = KVec::from_elem(Descriptor::iotlb_global(DRAIN), RUN_MAX, GFP_KERNEL)?;
        let first = queue.submit(&model, &all)?;

        queue.submit(&model, &all[2..])?;
        assert!(matches!(queue.submit(&model, &[]), Err(e) if e == EAGAIN));
        // The unit has done the first.
        for _ in 0..=RUN_MAX {
            model.step();
        }
        assert!(queue.progress(&model)? > first);
        let last = queue.submit(&model, &all[2..])?;

        step(&model);
        assert!(queue.outcome().is_complete(last));
        assert!(!queue.failed(first));
        Ok(())
    }

    #[test]
    fn a_unit_that_does_not_answer() -> Result {
        let model = Model::new(Config::RICH)?;
        let host = Host::new(&model)?;

        host.engine.start()?;
        model.set_pace(Pace::Stepping);
        assert!(matches!(
            host.engine.invalidate(&[Descriptor::iotlb_global(DRAIN)]),
            Err(e) if e == ETIMEDOUT
        ));
        assert_eq!(model.complaints(), 1);
        // It was only slow.
        step(&model);
        model.set_pace(Pace::Now);
        host.engine.invalidate(&[Descriptor::iotlb_global(DRAIN)])
    }

    #[test]
    fn a_device_that_does_not_answer() -> Result {
        let model = Model::new(Config::RICH)?;
        let mut queue = stepping(&model)?;
        let all = Descriptor::iotlb_global(DRAIN);

        model.set_ats(RID, true)?;
        model.set_mute(RID, true)?;

        let before = queue.submit(&model, &[all])?;
        let lost = queue.submit(&model, &[all, Descriptor::device_tlb(DEVICE, Block::ALL)])?;
        let after = queue.submit(&model, &[all])?;

        step(&model);
        // The unit stands still; the driver lets it go on.
        assert!(!queue.outcome().is_complete(after));
        queue.progress(&model)?;
        step(&model);
        assert!(queue.progress(&model)? > after);
        assert_eq!(
            [before, lost, after].map(|pos| queue.failed(pos)),
            [false, true, false]
        );
        Ok(())
    }

    #[test]
    fn a_device_that_does_not_answer_before_a_fence() -> Result {
        let model = Model::new(Config::RICH)?;
        let mut queue = stepping(&model)?;
        let all = Descriptor::iotlb_global(DRAIN);

        model.set_ats(RID, true)?;
        model.set_mute(RID, true)?;

        let lost = queue.submit(
            &model,
            &[
                Descriptor::device_tlb(DEVICE, Block::ALL),
                Descriptor::fence(),
                all,
            ],
        )?;
        let after = queue.submit(&model, &[Descriptor::fence(), all])?;

        step(&model);
        queue.progress(&model)?;
        step(&model);
        assert!(queue.progress(&model)? > after);
        assert_eq!([lost, after].map(|pos| queue.failed(pos)), [true, false]);
        Ok(())
    }

    #[test]
    fn a_descriptor_that_is_refused() -> Result {
        let model = Model::new(Config::RICH)?;
        let mut queue = stepping(&model)?;
        let all = Descriptor::iotlb_global(DRAIN);
        // Beyond MAMV.
        let block = Block {
            address: 0,
            order: 30,
        };
        let bad = Descriptor::iotlb_page(1, block, true, DRAIN);
        let before = queue.submit(&model, &[all])?;
        let refused = queue.submit(&model, &[all, bad, all])?;
        let after = queue.submit(&model, &[all])?;

        step(&model);
        assert!(!queue.outcome().is_complete(refused));
        queue.progress(&model)?;
        step(&model);
        assert!(queue.progress(&model)? > after);
        assert_eq!(
            [before, refused, after].map(|pos| queue.failed(pos)),
            [false, true, false]
        );
        assert!(model.misuse().is_none());
        Ok(())
    }

    #[test]
    fn stores_are_flushed_to_a_unit_that_has_them_buffered() -> Result {
        let model = Model::new(Config {
            // RWBF.
            cap: Config::RICH.cap | 1 << 4,
            ..Config::RICH
        })?;
        let host = Host::new(&model)?;

        host.engine.start()?;

        let mut flushes = model.write_buffer_flushes();
        let mut flushed = || {
            let old = core::mem::replace(&mut flushes, model.write_buffer_flushes());

            model.write_buffer_flushes() > old
        };
        let space = Space::new(&host, Purpose::FirstStage)?;
        let page = host.data()?;
        let device = Device::new(&host, RID, false)?;

        assert!(flushed());
        device.attach(None, space.to())?;
        assert!(flushed());
        space.map(IOVA, page.address(), 1)?;
        assert!(flushed());
        device.attach(None, Attachment::Blocked)?;
        assert!(flushed());
        Ok(())
    }
}
