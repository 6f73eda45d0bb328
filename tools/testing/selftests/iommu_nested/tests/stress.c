// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many CPUs at once: what is mapped throughout stays reachable throughout. The
 * test itself is with what the IOMMU has of its own.
 */

#define STRESS_DMAS		30	/* of 100 ms each */
#define STRESS_FAST_DMAS	2000	/* of devices that do it at once */
#define STRESS_THREADS		8U
#define STRESS_SCRATCH_GPA	(GUEST_GPA + MIB(32))

FIXTURE(stress)
{
	struct host host;
	struct vm vm;
	void *scratch;
};

FIXTURE_SETUP(stress)
{
	struct vm *vm = &self->vm;

	nest_up(_metadata, &self->host, vm);
	if (_metadata->exit_code)
		return;
	self->scratch = mmap(NULL, MIB(1), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->scratch);
	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, vm_attach(vm));
}

FIXTURE_TEARDOWN(stress)
{
	host_down(&self->host);
}

struct stress_job {
	struct vm *vm;
	void *scratch;
	__u32 other;			/* another HWPT that means the same */
	bool pauses;			/* from one to the other nothing gets through */
	bool stop;			/* atomic */
	unsigned long rounds;		/* of this thread, none failed */
	int rc;
};

static bool stress_goes_on(struct stress_job *job)
{
	return !job->rc && !__atomic_load_n(&job->stop, __ATOMIC_RELAXED);
}

/* The host maps and unmaps memory that no device uses just now. */
static void *stress_map(void *arg)
{
	struct stress_job *job = arg;
	struct host *host = job->vm->host;

	while (stress_goes_on(job)) {
		job->rc = iommufd_ioas_map(host->fd, host->ioas, job->scratch,
					   MIB(1), STRESS_SCRATCH_GPA);
		if (!job->rc)
			job->rc = iommufd_ioas_unmap(host->fd, host->ioas,
						     STRESS_SCRATCH_GPA, MIB(1));
		job->rounds++;
	}
	return NULL;
}

/* The device is switched to what means the same. */
static void *stress_attach(void *arg)
{
	struct stress_job *job = arg;
	struct vm *vm = job->vm;

	while (stress_goes_on(job)) {
		job->rc = edu_attach(vm->edu, job->rounds % 2 ? vm->hwpt :
				     job->other);
		job->rounds++;
	}
	return NULL;
}

/* @num threads work for as long as the device does some DMA. */
static void stress_run(struct __test_metadata *_metadata,
		       const struct stress_job *job,
		       void *(*const work[])(void *), unsigned int num)
{
	struct stress_job jobs[STRESS_THREADS];
	pthread_t threads[STRESS_THREADS];
	unsigned int i, dmas = edu_extended(job->vm->edu) ? STRESS_FAST_DMAS :
							    STRESS_DMAS;

	ASSERT_LE(num, STRESS_THREADS);
	for (i = 0; i < num; i++) {
		jobs[i] = *job;
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, work[i],
					    &jobs[i]));
	}
	for (i = 0; i < dmas; i++) {
		unsigned long page = vm_hits(_metadata, job->vm, IOVA);

		EXPECT_TRUE(page == PAGE_A || (page == NOWHERE && job->pauses)) {
			TH_LOG("DMA %u hits %#lx", i, page);
		}
	}
	for (i = 0; i < num; i++) {
		__atomic_store_n(&jobs[i].stop, true, __ATOMIC_RELAXED);
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, jobs[i].rc) {
			TH_LOG("thread %u, round %lu", i, jobs[i].rounds);
		}
		EXPECT_LT(0UL, jobs[i].rounds);
	}
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, job->vm, IOVA));
}
