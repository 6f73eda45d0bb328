// SPDX-License-Identifier: GPL-2.0-only
/* Objects that end in the wrong order, processes that end in the middle. */

FIXTURE(lifetime)
{
	struct host host;
	struct vm vm;
};

FIXTURE_SETUP(lifetime)
{
	struct vm *vm = &self->vm;

	nest_up(_metadata, &self->host, vm);
	if (_metadata->exit_code)
		return;
	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

FIXTURE_TEARDOWN(lifetime)
{
	host_down(&self->host);
}

/* The device goes first, as it is: attached, in a vIOMMU, in mid-transfer. */
TEST_F(lifetime, device_closed_while_live)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct smmu_cmd cmd = smmu_cfgi_cd_all(vm->vsid);
	__u32 vdevice, done;

	edu_store_start(vm->edu, IOVA, 0, 8);
	edu_close(vm->edu);
	/* The vSID went with it... */
	EXPECT_EQ(-EIO, vm_invalidate_n(vm, &cmd, 1, &done));
	EXPECT_EQ(0U, done);
	/* ... the TLB of the vIOMMU is still the guest's. */
	vm_invalidate(_metadata, vm, smmu_cmd(CMD_TLBI_NH_ALL));

	ASSERT_EQ(0, edu_open(vm->edu, 0, host->fd));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(-ENOENT, edu_attach(vm->edu, vm->hwpt));
	ASSERT_EQ(0, iommufd_vdevice_alloc(host->fd, vm->viommu, vm->edu->dev,
					   vm->vsid, &vdevice));
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

/* Without its vDEVICE the device goes on, but has no name to be called by. */
TEST_F(lifetime, vdevice_destroyed_while_attached)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct smmu_cmd cmd = smmu_cfgi_cd_all(vm->vsid);
	__u32 done;

	ASSERT_EQ(0, iommufd_destroy(host->fd, vm->vdevice));
	EXPECT_EQ(-EIO, vm_invalidate_n(vm, &cmd, 1, &done));
	vm_map(_metadata, vm, IOVA, PAGE_B);
	vm_invalidate(_metadata, vm, smmu_tlbi_va(ASID, IOVA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA));

	ASSERT_EQ(0, iommufd_vdevice_alloc(host->fd, vm->viommu, vm->edu->dev,
					   vm->vsid, &vm->vdevice));
	EXPECT_EQ(0, vm_invalidate_n(vm, &cmd, 1, &done));
}

/* /dev/iommu goes first; the device holds on to the context until it goes. */
TEST_F(lifetime, context_closed_while_live)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;

	close(host->fd);
	host->fd = -1;
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	edu_close(vm->edu);

	host->fd = iommufd_open();
	ASSERT_LE(0, host->fd);
	ASSERT_EQ(0, edu_open(vm->edu, 0, host->fd));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, page_gpa(host, PAGE_A)));
}

/* A vEVENTQ that outlives everything it told of. */
TEST_F(lifetime, event_queue_outlives_the_guest)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct pollfd poll_fd = { .events = POLLIN };
	struct vevent event;
	__u32 queue;
	int fd;

	ASSERT_EQ(0, iommufd_veventq_alloc(host->fd, vm->viommu,
					   IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, 16,
					   &queue, &fd));
	fault(_metadata, vm, IOVA + GUEST_PAGE);
	poll_fd.fd = fd;
	ASSERT_EQ(1, poll(&poll_fd, 1, VEVENT_TIMEOUT_MS));
	edu_close(vm->edu);
	close(host->fd);
	host->fd = -1;
	expect_event(_metadata, fd, vm, EVT_F_TRANSLATION, &event);
	EXPECT_EQ(0, close(fd));
}

/*
 * A reset detaches the function for its time and attaches it again. It takes a
 * device that vfio can reset: not one that shares a bus with others.
 */
TEST(device_reset)
{
	unsigned int num = edu_count();
	struct host host = { 0 };
	unsigned int nth;
	struct vm vm;

	for (nth = 0; nth < num; nth++) {
		host_up_nth(_metadata, &host, nth, 1);
		if (host.edu[0].flags & VFIO_DEVICE_FLAGS_RESET)
			break;
		host_down(&host);
	}
	if (nth == num)
		SKIP(return, "none of the %u edu devices can be reset", num);
	host_make_s2(_metadata, &host);
	vm_up(_metadata, &host, &vm, &host.edu[0], 0x1234);
	if (_metadata->exit_code)
		return;
	vm_map(_metadata, &vm, IOVA, PAGE_A);
	ASSERT_EQ(0, edu_attach(vm.edu, vm.hwpt));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, &vm, IOVA));
	ASSERT_EQ(0, edu_reset(vm.edu));
	ASSERT_EQ(0, edu_enable(vm.edu));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm, IOVA));
	host_down(&host);
}

/*
 * What a process does between open() and its death, again and again. Runs in a
 * child, whose exit code tells how it went.
 */
static void live_and_die(struct __test_metadata *_metadata, bool in_transfer)
{
	struct host host;
	struct vm vm;

	nest_up(_metadata, &host, &vm);
	if (_metadata->exit_code)
		_exit(_metadata->exit_code);
	vm_map(_metadata, &vm, IOVA, PAGE_A);
	ASSERT_EQ(0, edu_attach(vm.edu, vm.hwpt));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, &vm, IOVA));
	if (in_transfer)
		edu_store_start(vm.edu, IOVA, 0, 8);
	_exit(KSFT_PASS);
}

TEST(process_dies_with_everything_live)
{
	int i, status;
	pid_t pid;

	for (i = 0; i < 5; i++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			live_and_die(_metadata, i % 2);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFEXITED(status));
		if (WEXITSTATUS(status) == KSFT_SKIP)
			SKIP(return, NO_NESTING);
		ASSERT_EQ(KSFT_PASS, WEXITSTATUS(status)) {
			TH_LOG("process %d of 5", i);
		}
	}
}

/* Two processes, each with a context, a device and a guest, at the same time. */
static void run_process(struct __test_metadata *_metadata, unsigned int nth)
{
	struct host host;
	struct vm vm;
	int i;

	host_up_nth(_metadata, &host, nth, 1);
	host_make_s2(_metadata, &host);
	vm_up(_metadata, &host, &vm, &host.edu[0], 0x42);
	if (_metadata->exit_code)
		_exit(_metadata->exit_code);
	vm_map(_metadata, &vm, IOVA, PAGE_A);
	ASSERT_EQ(0, edu_attach(vm.edu, vm.hwpt));
	for (i = 0; i < 5; i++) {
		vm_map(_metadata, &vm, IOVA, i % 2 ? PAGE_A : PAGE_B);
		vm_invalidate(_metadata, &vm, smmu_tlbi_va(ASID, IOVA));
		ASSERT_EQ(i % 2 ? PAGE_A : PAGE_B,
			  vm_hits(_metadata, &vm, IOVA));
	}
	_exit(KSFT_PASS);
}

TEST(two_processes)
{
	bool nests = true;
	pid_t pid[2];
	int status;
	int i;

	if (edu_count() < 2)
		SKIP(return, "2 edu devices are needed, the machine has %u",
		     edu_count());
	for (i = 0; i < 2; i++) {
		pid[i] = fork();
		ASSERT_LE(0, pid[i]);
		if (!pid[i])
			run_process(_metadata, i);
	}
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(pid[i], waitpid(pid[i], &status, 0));
		EXPECT_TRUE(WIFEXITED(status));
		if (WEXITSTATUS(status) == KSFT_SKIP)
			nests = false;
		else
			EXPECT_EQ(KSFT_PASS, WEXITSTATUS(status));
	}
	if (!nests)
		SKIP(return, NO_NESTING);
}
