// SPDX-License-Identifier: GPL-2.0-only
/*
 * Software nesting: an IOMMU that does not nest, and the guest's stage 1 all the
 * same. What the device sees is a shadow of it, which changes when the guest says
 * so and when the guest's memory does.
 */

#define SHADOW_OPS	(VFIO_NESTED_OP_BIND_GUEST_PGTBL | \
			 VFIO_NESTED_OP_CACHE_INVALIDATE | VFIO_NESTED_OP_EVENT_FD)

static void shadow_up_n(struct __test_metadata *_metadata, struct host *host,
			struct vm *vm, unsigned int num_edu)
{
	container_up(_metadata, host, num_edu);
	if (_metadata->exit_code)
		return;
	if (!shadowing(_metadata, host))
		SKIP(return, "the hardware walks guests' tables");
	guest_up(_metadata, host, vm, &host->edu[0], VSID);
}

static void shadow_up(struct __test_metadata *_metadata, struct host *host,
		      struct vm *vm)
{
	shadow_up_n(_metadata, host, vm, 1);
}

static struct vfio_nested_bind_guest_pgtbl pgtbl_of(const struct vm *vm)
{
	return (struct vfio_nested_bind_guest_pgtbl){
		.flags = VFIO_NESTED_PGTBL_NO_PASID | VFIO_NESTED_PGTBL_DEVICE_ID,
		.target = device_of(vm->edu),
		.model = VFIO_NESTED_MODEL_ARM_SMMUV3,
		.base = vm->s1.ttb,
		.input_bits = vm->s1.va_bits,
		.device_id = vm->vsid,
		.data = { vm->cd[0] },
	};
}

static struct vfio_nested_bind_guest_pgtbl no_pgtbl(const struct vm *vm)
{
	return (struct vfio_nested_bind_guest_pgtbl){
		.flags = VFIO_NESTED_PGTBL_NO_PASID | VFIO_NESTED_PGTBL_BLOCK,
		.target = device_of(vm->edu),
		.model = VFIO_NESTED_MODEL_ARM_SMMUV3,
	};
}

static int shadow_bind(struct vm *vm)
{
	struct vfio_nested_bind_guest_pgtbl cmd = pgtbl_of(vm);

	return vfio_bind_pgtbl(vm->host->fd, &cmd);
}

static int shadow_rebind(struct vm *vm)
{
	struct vfio_nested_bind_guest_pgtbl cmd = pgtbl_of(vm);

	cmd.flags |= VFIO_NESTED_PGTBL_REPLACE;
	return vfio_bind_pgtbl(vm->host->fd, &cmd);
}

static int shadow_unbind(struct vm *vm)
{
	return vfio_unbind_pgtbl(vm->host->fd, device_of(vm->edu));
}

static int shadow_invalidate(struct vm *vm, struct vfio_nested_inv inv)
{
	__u32 num = 1;

	inv.caches |= VFIO_NESTED_INV_IOTLB;
	return vfio_invalidate(vm->host->fd, &inv, &num);
}

/* @count pages at @iova have changed. */
static int shadow_flush(struct vm *vm, __u64 iova, __u64 count)
{
	return shadow_invalidate(vm, (struct vfio_nested_inv){
		.granularity = VFIO_NESTED_INV_GRANU_ADDR,
		.flags = VFIO_NESTED_INV_HAS_ARCHID,
		.archid = ASID,
		.addr = iova,
		.granule_size = GUEST_PAGE,
		.granule_count = count,
	});
}

static int shadow_flush_all(struct vm *vm)
{
	return shadow_invalidate(vm, (struct vfio_nested_inv){
		.granularity = VFIO_NESTED_INV_GRANU_DOMAIN,
	});
}

FIXTURE(shadow)
{
	struct host host;
	struct vm vm;
};

FIXTURE_SETUP(shadow)
{
	shadow_up(_metadata, &self->host, &self->vm);
}

FIXTURE_TEARDOWN(shadow)
{
	host_down(&self->host);
}

TEST_F(shadow, info)
{
	const struct vfio_nested_info_cap *cap;
	union info info;

	cap = info_get(_metadata, self->host.fd, &info, VFIO_NESTED_INFO_CAP);
	EXPECT_EQ((__u64)SHADOW_OPS, cap->ops);
	EXPECT_EQ((__u32)(VFIO_NESTED_INFO_CACHING_MODE |
			  VFIO_NESTED_INFO_INV_GENERIC), cap->flags);
	EXPECT_EQ((__u32)VFIO_NESTED_MODEL_ARM_SMMUV3, cap->model);
	EXPECT_EQ(KIB(4) | KIB(16) | KIB(64), cap->granules);
	EXPECT_EQ(cap->granules | MIB(2) | MIB(32) | MIB(512) | MIB(1024),
		  cap->pgsizes);
	EXPECT_EQ(0U, cap->pasid_table_formats);
	EXPECT_EQ(0U, cap->pasid_bits);
	EXPECT_EQ(16U, cap->asid_bits);
	EXPECT_EQ(0ULL, cap->msi_size);
	EXPECT_LE(44U, cap->input_bits);
	EXPECT_LE(44U, cap->output_bits);
}

TEST_F(shadow, dma_both_ways)
{
	check_both_ways(_metadata, &self->vm, shadow_bind);
}

TEST_F(shadow, only_what_both_map)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, s1_map(&vm->s1, IOVA + GUEST_PAGE, GUEST_GPA + GUEST_SIZE));
	ASSERT_EQ(0, s1_map(&vm->s1, IOVA + 2 * GUEST_PAGE, 0));
	ASSERT_EQ(0, shadow_bind(vm));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA + GUEST_PAGE));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA + 2 * GUEST_PAGE));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA + 3 * GUEST_PAGE));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, page_gpa(host, PAGE_A)));
}

/* GPAs, bound, blocked, bound to another table, and back. */
TEST_F(shadow, walk)
{
	struct vfio_nested_bind_guest_pgtbl block;
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	__u64 gpa = page_gpa(host, PAGE_B);
	struct vm other = *vm;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	vm_make_tables(_metadata, &other);
	vm_map(_metadata, &other, IOVA, PAGE_D);
	block = no_pgtbl(vm);

	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, gpa));
	EXPECT_EQ(-ENOENT, shadow_unbind(vm));
	ASSERT_EQ(0, shadow_bind(vm));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, gpa));
	EXPECT_EQ(-EBUSY, shadow_bind(vm));
	EXPECT_EQ(-EBUSY, vfio_bind_pgtbl(host->fd, &block));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));

	ASSERT_EQ(0, shadow_rebind(&other));
	EXPECT_EQ(PAGE_D, vm_hits(_metadata, vm, IOVA));

	block.flags |= VFIO_NESTED_PGTBL_REPLACE;
	ASSERT_EQ(0, vfio_bind_pgtbl(host->fd, &block));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, gpa));
	ASSERT_EQ(0, shadow_flush_all(vm));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));

	ASSERT_EQ(0, shadow_rebind(vm));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	ASSERT_EQ(0, shadow_unbind(vm));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, gpa));
	EXPECT_EQ(-ENOENT, shadow_unbind(vm));
	ASSERT_EQ(0, shadow_bind(vm));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

/* A device that has no mapping yet: caching mode. */
TEST_F(shadow, present_needs_invalidation)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, shadow_bind(vm));
	vm_map(_metadata, vm, IOVA, PAGE_A);
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	ASSERT_EQ(0, shadow_flush(vm, IOVA + GUEST_PAGE, 1));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	ASSERT_EQ(0, shadow_flush(vm, IOVA, 1));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

TEST_F(shadow, remap)
{
	struct vm *vm = &self->vm;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, shadow_bind(vm));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	vm_map(_metadata, vm, IOVA, PAGE_B);
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	ASSERT_EQ(0, shadow_flush(vm, IOVA, 1));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA));
	s1_unmap(&vm->s1, IOVA);
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA));
	ASSERT_EQ(0, shadow_flush(vm, IOVA, 1));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
}

TEST_F(shadow, granularities)
{
	static const struct {
		struct vfio_nested_inv inv;
		bool enough;
	} tries[] = {
		{ { .granularity = VFIO_NESTED_INV_GRANU_DOMAIN }, true },
		{ { .granularity = VFIO_NESTED_INV_GRANU_PASID,
		    .flags = VFIO_NESTED_INV_HAS_ARCHID, .archid = ASID }, true },
		{ { .granularity = VFIO_NESTED_INV_GRANU_PASID,
		    .flags = VFIO_NESTED_INV_HAS_ARCHID, .archid = ASID + 1 },
		  false },
		{ { .granularity = VFIO_NESTED_INV_GRANU_ADDR,
		    .flags = VFIO_NESTED_INV_HAS_ARCHID, .archid = ASID + 1,
		    .addr = IOVA, .granule_size = GUEST_PAGE,
		    .granule_count = 1 }, false },
		/* Of all tags */
		{ { .granularity = VFIO_NESTED_INV_GRANU_ADDR, .addr = IOVA,
		    .granule_size = GUEST_PAGE, .granule_count = 1 }, true },
		{ { .granularity = VFIO_NESTED_INV_GRANU_ADDR,
		    .flags = VFIO_NESTED_INV_LEAF, .addr = IOVA - GUEST_PAGE,
		    .granule_size = GUEST_PAGE, .granule_count = 2 }, true },
		{ { .granularity = VFIO_NESTED_INV_GRANU_ADDR,
		    .addr = IOVA - GUEST_PAGE, .granule_size = GUEST_PAGE,
		    .granule_count = 1 }, false },
		{ { .granularity = VFIO_NESTED_INV_GRANU_ADDR,
		    .addr = IOVA & ~(MIB(2) - 1), .granule_size = MIB(2),
		    .granule_count = 1 }, true },
		{ { .granularity = VFIO_NESTED_INV_GRANU_ADDR, .addr = 0,
		    .granule_size = MIB(1024), .granule_count = 1ULL << 33 },
		  true },
	};
	struct vm *vm = &self->vm;
	unsigned int i;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, shadow_bind(vm));
	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		vm_map(_metadata, vm, IOVA, PAGE_B);
		ASSERT_EQ(0, shadow_invalidate(vm, tries[i].inv));
		EXPECT_EQ(tries[i].enough ? PAGE_B : PAGE_A,
			  vm_hits(_metadata, vm, IOVA)) {
			TH_LOG("invalidation %u", i);
		}
		vm_map(_metadata, vm, IOVA, PAGE_A);
		ASSERT_EQ(0, shadow_flush_all(vm));
	}
}

/* Caches that there are none of, and commands of hardware that does not walk. */
TEST_F(shadow, other_caches)
{
	struct vfio_nested_inv inv = {
		.caches = VFIO_NESTED_INV_PASID | VFIO_NESTED_INV_DEV_IOTLB,
		.granularity = VFIO_NESTED_INV_GRANU_DOMAIN,
		.flags = VFIO_NESTED_INV_HAS_DEVICE,
		.device_id = VSID,
	};
	struct smmu_cmd cmd = smmu_tlbi_va(ASID, IOVA);
	struct vm *vm = &self->vm;
	__u32 num = 1;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, shadow_bind(vm));
	vm_map(_metadata, vm, IOVA, PAGE_B);
	EXPECT_EQ(0, vfio_invalidate(vm->host->fd, &inv, &num));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	inv.device_id++;
	num = 1;
	EXPECT_EQ(-ENOENT, vfio_invalidate(vm->host->fd, &inv, &num));
	EXPECT_EQ(0U, num);
	num = 1;
	EXPECT_EQ(-EOPNOTSUPP, vfio_invalidate_smmu(vm->host->fd, &cmd, &num));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

/* A table that two devices share has a shadow for each. */
TEST(shadow_of_two_devices)
{
	struct host host = { 0 };
	struct vm vm, other;

	shadow_up_n(_metadata, &host, &vm, 2);
	if (_metadata->exit_code)
		return;
	other = vm;
	other.edu = &host.edu[1];
	other.vsid = VSID + 1;
	vm_map(_metadata, &vm, IOVA, PAGE_A);
	ASSERT_EQ(0, shadow_bind(&vm));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, &other, IOVA));
	other.vsid = VSID;
	EXPECT_EQ(-EEXIST, shadow_bind(&other));
	other.vsid = VSID + 1;
	ASSERT_EQ(0, shadow_bind(&other));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &other, IOVA));
	vm_map(_metadata, &vm, IOVA, PAGE_B);
	ASSERT_EQ(0, shadow_flush(&vm, IOVA, 1));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, &vm, IOVA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, &other, IOVA));
	ASSERT_EQ(0, shadow_unbind(&vm));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, &vm, IOVA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, &other, IOVA));
	host_down(&host);
}

#define REFUSE_PGTBL(rc, change) do {					\
	struct vfio_nested_bind_guest_pgtbl cmd = pgtbl_of(vm);		\
									\
	change;								\
	EXPECT_EQ(rc, vfio_bind_pgtbl(vm->host->fd, &cmd)) {		\
		TH_LOG("%s", #change);					\
	}								\
} while (0)

TEST_F(shadow, refusals)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;

	REFUSE_PGTBL(-EINVAL, cmd.argsz = sizeof(cmd) - 8);
	REFUSE_PGTBL(-EINVAL, cmd.flags |= 1 << 4);
	REFUSE_PGTBL(-EINVAL, cmd.pasid = 1);
	REFUSE_PGTBL(-EINVAL, cmd.flags &= ~VFIO_NESTED_PGTBL_DEVICE_ID);
	REFUSE_PGTBL(-EINVAL, cmd.target = ALL_GROUPS; cmd.target.reserved = 1);
	REFUSE_PGTBL(-EINVAL, cmd.flags |= VFIO_NESTED_PGTBL_BLOCK);
	REFUSE_PGTBL(-EINVAL, cmd.data[1] = 1);
	REFUSE_PGTBL(-EINVAL, cmd.data[3] = 1);
	REFUSE_PGTBL(-EINVAL, cmd.data[0] = 0);
	REFUSE_PGTBL(-EINVAL, cmd.data[0] &= ~CD0_V);
	REFUSE_PGTBL(-EINVAL, cmd.data[0] &= ~CD0_AA64);
	REFUSE_PGTBL(-EINVAL, cmd.data[0] |= CD0_TG0(3));
	REFUSE_PGTBL(-EINVAL, cmd.base += 8);
	REFUSE_PGTBL(-EINVAL, cmd.input_bits--);
	REFUSE_PGTBL(-EOPNOTSUPP, cmd.model = VFIO_NESTED_MODEL_INTEL_VTD);
	REFUSE_PGTBL(-EOPNOTSUPP, cmd.data[0] &= ~CD0_EPD1);
	REFUSE_PGTBL(-EOPNOTSUPP, cmd.data[0] |= BIT_ULL(43));	/* HA */
	REFUSE_PGTBL(-EOPNOTSUPP, cmd.data[0] |= BIT_ULL(15));	/* ENDI */
	REFUSE_PGTBL(-EINVAL, cmd.flags &= ~VFIO_NESTED_PGTBL_NO_PASID);
	REFUSE_PGTBL(-EOPNOTSUPP, (cmd.flags &= ~VFIO_NESTED_PGTBL_NO_PASID,
				   cmd.pasid = 1));
	REFUSE_PGTBL(-ERANGE, cmd.input_bits = 52);
	REFUSE_PGTBL(-ERANGE, cmd.base = 1ULL << 48);
	REFUSE_PGTBL(-EFAULT, cmd.base = GUEST_GPA + GUEST_SIZE);
	REFUSE_PGTBL(-ENODEV, cmd.target.device = (uintptr_t)"0000:00:1f.7");
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, page_gpa(host, PAGE_A)));
	EXPECT_EQ(-ENOENT, shadow_unbind(vm));

	/* What hardware would have to do */
	EXPECT_EQ(-EOPNOTSUPP, vm_bind(vm));
	EXPECT_EQ(-EOPNOTSUPP, vm_bind_config(vm, VFIO_NESTED_CONFIG_ABORT));
	EXPECT_EQ(-EOPNOTSUPP, vm_unbind(vm));
	EXPECT_EQ(-EOPNOTSUPP, bind_msi(vm, GIOVA, GDB, GUEST_PAGE));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, page_gpa(host, PAGE_A)));

	ASSERT_EQ(0, shadow_bind(vm));
	EXPECT_EQ(-EOPNOTSUPP, vm_unbind(vm));
	REFUSE_PGTBL(-EFAULT, cmd.base = GUEST_GPA + GUEST_SIZE;
		     cmd.flags |= VFIO_NESTED_PGTBL_REPLACE);
	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, shadow_flush_all(vm));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

/* Interrupts go where they went before, whatever the guest's table says. */
TEST_F(shadow, interrupts)
{
	struct vm *vm = &self->vm;
	int event = eventfd(0, EFD_CLOEXEC);
	__u64 window = MSI_WINDOW & ~(MIB(2) - 1);

	ASSERT_LE(0, event);
	ASSERT_EQ(0, edu_set_irq(vm->edu, event));
	EXPECT_IRQ(vm->edu, event);
	ASSERT_EQ(0, shadow_bind(vm));
	EXPECT_IRQ(vm->edu, event);
	/* A guest that maps the window, and does not any more */
	ASSERT_EQ(0, s1_map_at(&vm->s1, window, GUEST_GPA, 2, S1_LEAF));
	ASSERT_EQ(0, shadow_flush_all(vm));
	EXPECT_IRQ(vm->edu, event);
	*s1_entry(&vm->s1, window, 2, false) = 0;
	ASSERT_EQ(0, shadow_flush_all(vm));
	EXPECT_IRQ(vm->edu, event);
	ASSERT_EQ(0, edu_set_irq(vm->edu, -1));
	/* An interrupt that is set up while the device is bound */
	ASSERT_EQ(0, shadow_rebind(vm));
	ASSERT_EQ(0, edu_set_irq(vm->edu, event));
	EXPECT_IRQ(vm->edu, event);
	ASSERT_EQ(0, shadow_rebind(vm));
	EXPECT_IRQ(vm->edu, event);
	ASSERT_EQ(0, shadow_unbind(vm));
	EXPECT_IRQ(vm->edu, event);
	ASSERT_EQ(0, edu_set_irq(vm->edu, -1));
	close(event);
}

TEST_F(shadow, events)
{
	struct vfio_nested_event event;
	struct vm *vm = &self->vm;
	int fd = vfio_event_fd(vm->host->fd, EVENT_DEPTH);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, s1_map_at(&vm->s1, IOVA, page_gpa(vm->host, PAGE_A),
			       S1_LAST_LEVEL, S1_LEAF | S1_READ_ONLY));
	ASSERT_EQ(0, shadow_bind(vm));
	fault_at(_metadata, vm, IOVA);
	expect_reason(_metadata, fd, vm->vsid, VFIO_NESTED_EVENT_PERMISSION,
		      EVT_F_PERMISSION, &event);
	EXPECT_EQ(IOVA, event.addr);
	EXPECT_EQ(0ULL, EVT1_S2(event.raw));

	fault_at(_metadata, vm, IOVA + GUEST_PAGE);
	expect_reason(_metadata, fd, vm->vsid, VFIO_NESTED_EVENT_TRANSLATION,
		      EVT_F_TRANSLATION, &event);
	EXPECT_EQ(IOVA + GUEST_PAGE, event.addr);
	EXPECT_NE(0U, event.flags & VFIO_NESTED_EVENT_WRITE);
	EXPECT_EQ(0ULL, EVT1_S2(event.raw));

	ASSERT_EQ(0, load(vm->edu, IOVA + GUEST_PAGE, 4));
	expect_reason(_metadata, fd, vm->vsid, VFIO_NESTED_EVENT_TRANSLATION,
		      EVT_F_TRANSLATION, &event);
	EXPECT_EQ(0U, event.flags & VFIO_NESTED_EVENT_WRITE);

	/* The host's, for then it is the VMM that has to know. */
	ASSERT_EQ(0, shadow_unbind(vm));
	fault_at(_metadata, vm, IOVA);
	no_event(_metadata, fd);
	close(fd);
}
