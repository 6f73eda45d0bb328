// SPDX-License-Identifier: GPL-2.0-only
/* Many CPUs at once: what is mapped and bound throughout stays reachable. */

#define VSTRESS_DMAS		30
#define VSTRESS_SCRATCH		(FREE_GPA + MIB(16))

FIXTURE(vstress)
{
	struct host host;
	struct vm vm;
	void *scratch;
	int events;
};

FIXTURE_SETUP(vstress)
{
	struct vm *vm = &self->vm;

	nest_up(_metadata, &self->host, vm);
	if (_metadata->exit_code)
		return;
	self->scratch = mmap(NULL, MIB(1), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->scratch);
	self->events = vfio_event_fd(self->host.fd, EVENT_DEPTH);
	ASSERT_LE(0, self->events);
	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, vm_bind(vm));
}

FIXTURE_TEARDOWN(vstress)
{
	host_down(&self->host);
}

struct vstress_job {
	struct vm *vm;
	void *scratch;
	int events;
	bool stop;			/* atomic */
	unsigned long rounds;		/* of this thread, none failed */
	int rc;
};

static int vstress_map(struct vstress_job *job)
{
	int fd = job->vm->host->fd;
	__u64 unmapped;
	int rc;

	rc = vfio_map(fd, job->scratch, MIB(1), VSTRESS_SCRATCH);
	if (!rc)
		rc = vfio_unmap(fd, VSTRESS_SCRATCH, MIB(1), &unmapped);
	if (!rc && unmapped != MIB(1))
		rc = -EPROTO;
	return rc;
}

static int vstress_commands(struct vstress_job *job)
{
	struct vm *vm = job->vm;
	const struct smmu_cmd cmds[] = {
		smmu_tlbi_va(ASID, IOVA), smmu_cfgi_cd(vm->vsid, 0),
		smmu_tlbi_asid(ASID), smmu_cmd(CMD_TLBI_NH_ALL),
		smmu_cfgi_cd_all(vm->vsid), smmu_tlbi_vaa(IOVA),
	};
	unsigned int num = 1 + job->rounds % ARRAY_SIZE(cmds);
	__u32 done;
	int rc = vm_invalidate_n(vm, cmds, num, &done);

	return rc ? rc : done == num ? 0 : -EPROTO;
}

static int vstress_invalidate(struct vstress_job *job)
{
	const struct vfio_nested_inv inv[] = {
		{ .caches = VFIO_NESTED_INV_IOTLB | VFIO_NESTED_INV_PASID },
		LEAF_OF(ASID, IOVA),
	};
	__u32 done = ARRAY_SIZE(inv);
	int rc = vfio_invalidate(job->vm->host->fd, inv, &done);

	return rc ? rc : done == ARRAY_SIZE(inv) ? 0 : -EPROTO;
}

/* The guest rewrites its STE to one that means the same. */
static int vstress_bind(struct vstress_job *job)
{
	return vm_attach(job->vm);
}

static int vstress_msi(struct vstress_job *job)
{
	int rc = bind_msi(job->vm, GIOVA, GDB, GUEST_PAGE);

	return rc ? rc : unbind_msi(job->vm);
}

/* Another group joins and leaves, bound on the way. */
static int vstress_group(struct vstress_job *job)
{
	struct host *host = job->vm->host;
	struct vfio_nested_bind_pasid_table bind = {
		.config = VFIO_NESTED_CONFIG_BYPASS,
		.model = VFIO_NESTED_MODEL_ARM_SMMUV3,
	};
	struct edu edu;
	int rc;

	rc = edu_open_group(&edu, 1, host->fd);
	if (rc)
		return rc;
	bind.target = group_of(&edu);
	rc = vfio_bind(host->fd, &bind);
	if (!rc && job->rounds % 2)
		rc = vfio_unbind(host->fd, group_of(&edu));
	edu_close(&edu);
	return rc;
}

/* Another container, with another group, comes and goes. */
static int vstress_container(struct vstress_job *job)
{
	int fd = vfio_open();
	struct edu edu;
	int rc;

	if (fd < 0)
		return fd;
	rc = edu_open_group(&edu, 2, fd);
	if (!rc) {
		rc = vfio_set_iommu(fd, VFIO_TYPE1_NESTING_IOMMU);
		if (!rc)
			rc = vfio_map(fd, job->scratch, MIB(1), GUEST_GPA);
		edu_close(&edu);
	}
	close(fd);
	return rc;
}

static int vstress_look(struct vstress_job *job)
{
	struct vfio_nested_event event;
	union info info;
	int rc;

	rc = vfio_info(job->vm->host->fd, &info.info, sizeof(info));
	if (!rc && read(job->events, &event, sizeof(event)) < 0)
		rc = -errno;
	return rc;
}

static int (*const vstress_work[])(struct vstress_job *) = {
	vstress_map, vstress_commands, vstress_invalidate, vstress_bind,
	vstress_msi, vstress_group, vstress_container, vstress_look,
};

struct vstress_thread {
	struct vstress_job job;
	int (*work)(struct vstress_job *job);
	pthread_t thread;
};

static void *vstress_run(void *arg)
{
	struct vstress_thread *thread = arg;
	struct vstress_job *job = &thread->job;

	while (!job->rc && !__atomic_load_n(&job->stop, __ATOMIC_RELAXED)) {
		job->rc = thread->work(job);
		job->rounds++;
	}
	return NULL;
}

TEST_F_TIMEOUT(vstress, everything_at_once, 180)
{
	struct vstress_thread threads[ARRAY_SIZE(vstress_work)];
	struct vm *vm = &self->vm;
	unsigned int i;

	if (edu_count() < 3)
		SKIP(return, "3 edu devices are needed");
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		threads[i] = (struct vstress_thread){
			.job = {
				.vm = vm,
				.scratch = self->scratch,
				.events = self->events,
			},
			.work = vstress_work[i],
		};
		ASSERT_EQ(0, pthread_create(&threads[i].thread, NULL,
					    vstress_run, &threads[i]));
	}
	for (i = 0; i < VSTRESS_DMAS; i++)
		EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA)) {
			TH_LOG("DMA %u", i);
		}
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		__atomic_store_n(&threads[i].job.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		struct vstress_job *job = &threads[i].job;

		ASSERT_EQ(0, pthread_join(threads[i].thread, NULL));
		EXPECT_EQ(0, job->rc) {
			TH_LOG("thread %u, round %lu", i, job->rounds);
		}
		EXPECT_LT(0UL, job->rounds);
	}
}
