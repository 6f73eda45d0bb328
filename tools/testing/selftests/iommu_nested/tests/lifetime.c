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
	ASSERT_EQ(0, vm_attach(vm));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

FIXTURE_TEARDOWN(lifetime)
{
	host_down(&self->host);
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
		bool resets;

		host_up_nth(_metadata, &host, nth, 1);
		resets = host.edu[0].flags & VFIO_DEVICE_FLAGS_RESET;
		host_down(&host);
		if (resets)
			break;
	}
	if (nth == num)
		SKIP(return, "none of the %u edu devices can be reset", num);
	nest_up_nth(_metadata, &host, &vm, nth);
	if (_metadata->exit_code)
		return;
	vm_map(_metadata, &vm, IOVA, PAGE_A);
	ASSERT_EQ(0, vm_attach(&vm));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, &vm, IOVA));
	ASSERT_EQ(0, edu_reset(vm.edu));
	ASSERT_EQ(0, edu_enable(vm.edu));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm, IOVA));
	host_down(&host);
}

/* It goes while it is in use, as soon as it is not, and another one comes. */
static void *remove_device(void *arg)
{
	struct edu *edu = arg;

	return (void *)(long)pci_remove(edu->bdf);
}

TEST(device_removed)
{
	unsigned int num = edu_count();
	struct host host = { 0 };
	pthread_t thread;
	struct vm vm;
	void *rc;
	int i;

	for (i = 0; i < 2; i++) {
		nest_up(_metadata, &host, &vm);
		if (_metadata->exit_code)
			return;
		vm_map(_metadata, &vm, IOVA, PAGE_A);
		ASSERT_EQ(0, vm_attach(&vm));
		ASSERT_EQ(0, pthread_create(&thread, NULL, remove_device,
					    vm.edu));
		/* Removal has begun, but waits. */
		usleep(200 * 1000);
		EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm, IOVA));
		edu_store_start(vm.edu, IOVA, 0, 8);
		host_down(&host);
		ASSERT_EQ(0, pthread_join(thread, &rc));
		EXPECT_EQ(NULL, rc);
		EXPECT_EQ(num - 1, edu_count());
		ASSERT_EQ(0, pci_rescan());
		ASSERT_EQ(num, edu_count());
	}
	nest_up(_metadata, &host, &vm);
	vm_map(_metadata, &vm, IOVA, PAGE_A);
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, &vm, IOVA + GUEST_PAGE));
	ASSERT_EQ(0, vm_attach(&vm));
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
	ASSERT_EQ(0, vm_attach(&vm));
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
			SKIP(return, NO_GUEST);
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

	nest_up_nth(_metadata, &host, &vm, nth);
	if (_metadata->exit_code)
		_exit(_metadata->exit_code);
	vm_map(_metadata, &vm, IOVA, PAGE_A);
	ASSERT_EQ(0, vm_attach(&vm));
	for (i = 0; i < 5; i++) {
		vm_remap(_metadata, &vm, IOVA, i % 2 ? PAGE_A : PAGE_B);
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
		SKIP(return, NO_GUEST);
}
