// SPDX-License-Identifier: GPL-2.0-only
/* vEVENTQ: the guest's faults reach the guest, under the guest's names. */

#define VEVENT_TIMEOUT_MS	2000
#define VEVENT_QUIET_MS		200

struct vevent {
	struct iommufd_vevent_header header;
	struct iommu_vevent_arm_smmuv3 data;
};

FIXTURE(vevent)
{
	struct host host;
	struct vm vm;
	__u32 queue;
	int fd;
};

FIXTURE_SETUP(vevent)
{
	struct vm *vm = &self->vm;

	self->fd = -1;
	nest_up(_metadata, &self->host, vm);
	if (_metadata->exit_code)
		return;
	ASSERT_EQ(0, iommufd_veventq_alloc(self->host.fd, vm->viommu,
					   IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, 16,
					   &self->queue, &self->fd));
}

FIXTURE_TEARDOWN(vevent)
{
	if (self->fd >= 0)
		close(self->fd);
	host_down(&self->host);
}

/* The next event; false when none comes in time. */
static bool vevent_next(struct __test_metadata *_metadata, int fd,
			int timeout_ms, struct vevent *event)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	memset(event, 0, sizeof(*event));
	if (poll(&poll_fd, 1, timeout_ms) != 1)
		return false;
	/* A header that tells of lost events comes without data. */
	ASSERT_LE((ssize_t)sizeof(event->header),
		  read(fd, event, sizeof(*event)));
	return true;
}

/* One DMA of four bytes, the largest that the device faults only once for. */
static void fault(struct __test_metadata *_metadata, struct vm *vm, __u64 iova)
{
	ASSERT_EQ(0, edu_store(vm->edu, iova, 0, 4));
}

static void expect_quiet(struct __test_metadata *_metadata, int fd)
{
	struct vevent event;

	EXPECT_FALSE(vevent_next(_metadata, fd, VEVENT_QUIET_MS, &event)) {
		TH_LOG("unexpected %s",
		       smmu_event_name(EVT0_TYPE(event.data.evt)));
	}
}

static void expect_event(struct __test_metadata *_metadata, int fd,
			 struct vm *vm, unsigned int type, struct vevent *event)
{
	ASSERT_TRUE(vevent_next(_metadata, fd, VEVENT_TIMEOUT_MS, event)) {
		TH_LOG("no event came, %s was expected", smmu_event_name(type));
	}
	EXPECT_EQ(0U, event->header.flags);
	EXPECT_EQ(type, EVT0_TYPE(event->data.evt)) {
		TH_LOG("%s instead of %s",
		       smmu_event_name(EVT0_TYPE(event->data.evt)),
		       smmu_event_name(type));
	}
	EXPECT_EQ(vm->vsid, EVT0_SID(event->data.evt));
}

TEST_F(vevent, translation_fault)
{
	struct vm *vm = &self->vm;
	struct vevent event;

	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	fault(_metadata, vm, IOVA);
	expect_event(_metadata, self->fd, vm, EVT_F_TRANSLATION, &event);
	EXPECT_EQ(IOVA, EVT2_ADDRESS(event.data.evt));
	EXPECT_EQ(0ULL, EVT1_RNW(event.data.evt));
	EXPECT_EQ(0ULL, EVT1_S2(event.data.evt));
	EXPECT_EQ(EVT_CLASS_IN, EVT1_CLASS(event.data.evt));
	expect_quiet(_metadata, self->fd);
}

TEST_F(vevent, translation_fault_of_a_read)
{
	struct vm *vm = &self->vm;
	struct vevent event;

	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	ASSERT_EQ(0, load(vm->edu, IOVA, 4));
	expect_event(_metadata, self->fd, vm, EVT_F_TRANSLATION, &event);
	EXPECT_EQ(IOVA, EVT2_ADDRESS(event.data.evt));
	EXPECT_EQ(1ULL, EVT1_RNW(event.data.evt));
}

TEST_F(vevent, permission_fault)
{
	struct vm *vm = &self->vm;
	struct vevent event;

	ASSERT_EQ(0, s1_map_at(&vm->s1, IOVA, page_gpa(&self->host, PAGE_A),
			       S1_LAST_LEVEL, S1_LEAF | S1_READ_ONLY));
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	fault(_metadata, vm, IOVA);
	expect_event(_metadata, self->fd, vm, EVT_F_PERMISSION, &event);
	EXPECT_EQ(IOVA, EVT2_ADDRESS(event.data.evt));
}

TEST_F(vevent, access_flag_fault)
{
	struct vm *vm = &self->vm;
	struct vevent event;

	ASSERT_EQ(0, s1_map_at(&vm->s1, IOVA, page_gpa(&self->host, PAGE_A),
			       S1_LAST_LEVEL, S1_LEAF & ~S1_ACCESSED));
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	fault(_metadata, vm, IOVA);
	expect_event(_metadata, self->fd, vm, EVT_F_ACCESS, &event);
	EXPECT_EQ(IOVA, EVT2_ADDRESS(event.data.evt));
}

TEST_F(vevent, address_size_fault)
{
	struct vm *vm = &self->vm;
	struct vevent event;

	/* CD.IPS 0: 32 bits of intermediate address, which the page exceeds. */
	cd_write(vm->cd, &vm->s1, ASID, 0);
	ASSERT_EQ(0, s1_map(&vm->s1, IOVA, 1ULL << 32));
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	fault(_metadata, vm, IOVA);
	expect_event(_metadata, self->fd, vm, EVT_F_ADDR_SIZE, &event);
	EXPECT_EQ(IOVA, EVT2_ADDRESS(event.data.evt));
}

TEST_F(vevent, bad_cd)
{
	struct vm *vm = &self->vm;
	struct vevent event;

	vm->cd[0] &= ~CD0_V;
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	fault(_metadata, vm, IOVA);
	expect_event(_metadata, self->fd, vm, EVT_C_BAD_CD, &event);
}

/* The guest asked for silence: a CD without R records no faults. */
TEST_F(vevent, cd_without_r_is_silent)
{
	struct vm *vm = &self->vm;

	vm->cd[0] &= ~CD0_R;
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	fault(_metadata, vm, IOVA);
	expect_quiet(_metadata, self->fd);
}

/* Config abort: the transaction ends, and 5.2 wants no event of it. */
TEST_F(vevent, abort_is_silent)
{
	__u64 ste[2] = { STE0_V | STE0_CONFIG(STE_CONFIG_ABORT), 0 };
	struct vm *vm = &self->vm;
	__u32 hwpt;

	ASSERT_EQ(0, iommufd_hwpt_alloc_ste(self->host.fd, vm->edu->dev,
					    vm->viommu, ste, &hwpt));
	ASSERT_EQ(0, edu_attach(vm->edu, hwpt));
	fault(_metadata, vm, IOVA);
	expect_quiet(_metadata, self->fd);
}

/* Faults of stage 2 are the host's: they carry what no guest may see. */
TEST_F(vevent, stage_2_faults_stay_with_the_host)
{
	struct vm *vm = &self->vm;
	__u64 ste[2];
	__u32 hwpt;

	ASSERT_EQ(0, s1_map(&vm->s1, IOVA, GUEST_GPA + GUEST_SIZE));
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	fault(_metadata, vm, IOVA);
	expect_quiet(_metadata, self->fd);

	/* A descriptor table outside of the guest's memory: likewise */
	ste_s1(ste, GUEST_GPA + GUEST_SIZE, 0);
	ASSERT_EQ(0, iommufd_hwpt_alloc_ste(self->host.fd, vm->edu->dev,
					    vm->viommu, ste, &hwpt));
	ASSERT_EQ(0, edu_attach(vm->edu, hwpt));
	fault(_metadata, vm, IOVA);
	expect_quiet(_metadata, self->fd);
}

/* After the guest's vDEVICE comes back under another name, faults carry it. */
TEST_F(vevent, new_vsid)
{
	struct vm *vm = &self->vm;
	struct vevent event;

	ASSERT_EQ(0, iommufd_destroy(self->host.fd, vm->vdevice));
	vm->vsid = 0x00abcdef;
	ASSERT_EQ(0, iommufd_vdevice_alloc(self->host.fd, vm->viommu,
					   vm->edu->dev, vm->vsid,
					   &vm->vdevice));
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	fault(_metadata, vm, IOVA);
	expect_event(_metadata, self->fd, vm, EVT_F_TRANSLATION, &event);
}

/* Once the device leaves the guest, its faults no longer go there. */
TEST_F(vevent, quiet_after_leaving)
{
	struct vm *vm = &self->vm;
	struct vevent event;

	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	fault(_metadata, vm, IOVA);
	expect_event(_metadata, self->fd, vm, EVT_F_TRANSLATION, &event);
	ASSERT_EQ(0, edu_attach(vm->edu, self->host.ioas));
	fault(_metadata, vm, IOVA);
	expect_quiet(_metadata, self->fd);
}

TEST_F(vevent, sequence)
{
	struct vm *vm = &self->vm;
	struct vevent event;
	unsigned int i;

	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	for (i = 0; i < 3; i++)
		fault(_metadata, vm, IOVA + i * GUEST_PAGE);
	for (i = 0; i < 3; i++) {
		expect_event(_metadata, self->fd, vm, EVT_F_TRANSLATION, &event);
		EXPECT_EQ(i, event.header.sequence);
		EXPECT_EQ(IOVA + i * GUEST_PAGE, EVT2_ADDRESS(event.data.evt));
	}
}

/* A queue of two takes two; a header without data tells that more came. */
TEST_F(vevent, overflow)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct vevent event;
	unsigned int i;

	close(self->fd);
	self->fd = -1;
	ASSERT_EQ(0, iommufd_destroy(host->fd, self->queue));
	ASSERT_EQ(0, iommufd_veventq_alloc(host->fd, vm->viommu,
					   IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, 2,
					   &self->queue, &self->fd));
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	for (i = 0; i < 4; i++)
		fault(_metadata, vm, IOVA);
	for (i = 0; i < 2; i++) {
		expect_event(_metadata, self->fd, vm, EVT_F_TRANSLATION, &event);
		EXPECT_EQ(i, event.header.sequence);
	}
	ASSERT_TRUE(vevent_next(_metadata, self->fd, VEVENT_TIMEOUT_MS, &event));
	EXPECT_EQ((__u32)IOMMU_VEVENTQ_FLAG_LOST_EVENTS, event.header.flags);
	EXPECT_EQ(0ULL, event.data.evt[0]);

	/* There is room again: the next one comes, two numbers later. */
	fault(_metadata, vm, IOVA);
	expect_event(_metadata, self->fd, vm, EVT_F_TRANSLATION, &event);
	EXPECT_EQ(4U, event.header.sequence);
}

TEST_F(vevent, alloc_refusals)
{
	struct host *host = &self->host;
	const __u32 type = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3;
	__u32 viommu = self->vm.viommu;
	__u32 queue;
	int fd;

	EXPECT_EQ(-EEXIST, iommufd_veventq_alloc(host->fd, viommu, type, 16,
						 &queue, &fd));
	EXPECT_EQ(-EINVAL, iommufd_veventq_alloc(host->fd, viommu, type, 0,
						 &queue, &fd));
	EXPECT_EQ(-EINVAL, iommufd_veventq_alloc(host->fd, viommu, type, ~0U,
						 &queue, &fd));
	EXPECT_EQ(-EOPNOTSUPP,
		  iommufd_veventq_alloc(host->fd, viommu,
					IOMMU_VEVENTQ_TYPE_DEFAULT, 16, &queue,
					&fd));
	EXPECT_EQ(-ENOENT, iommufd_veventq_alloc(host->fd, 0x7ffffff0, type, 16,
						 &queue, &fd));
	EXPECT_EQ(-EBUSY, iommufd_destroy(host->fd, viommu));
}
