/* The ordered accesses of _pure.py in C11, with the same two classes: for x86-64 and arm64.
 *
 * seqlock/doc.go of the project has the protocol and the proof. The four orders that it needs are here
 *
 *     W1 -> W2   atomic_thread_fence(release) between them          x86-64: nothing   arm64: DMB ISH
 *     W2 -> W3   store-release of the even version                  x86-64: nothing   arm64: STLR
 *     R1 -> R2   load-acquire of the version                        x86-64: nothing   arm64: LDAR
 *     R2 -> R3   atomic_thread_fence(acquire) between them          x86-64: nothing   arm64: DMB ISHLD
 *
 * and payload words are relaxed atomics, so that no compiler reads one twice or writes it in parts. Everything runs
 * under the interpreter's lock, and no Python code runs between W1 and W3.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

typedef _Atomic uint64_t Word;
typedef _Atomic uint32_t Word32;

_Static_assert(sizeof(Word) == 8 && sizeof(Word32) == 4 && ATOMIC_LLONG_LOCK_FREE == 2, "words are plain memory");

#define LATEST_TRIES 4096 /* a writer would have to overtake it that often in a row */
#define MAX_RUN 256       /* records of a batch between two updates of view and head */
#define MAX_NUMBER ((uint64_t)INT64_MAX - 1) /* of a record whose version is a u64 */

static uint64_t load(Word *word) { return atomic_load_explicit(word, memory_order_acquire); }
static void store(Word *word, uint64_t value) { atomic_store_explicit(word, value, memory_order_release); }

/* The memory of a Python buffer, whole words. 0 with an exception if it cannot be used as such. */
static int acquire(PyObject *memory, Py_buffer *buffer, int writable)
{
    if (PyObject_GetBuffer(memory, buffer, writable ? PyBUF_WRITABLE : PyBUF_SIMPLE) != 0)
        return 0;
    if ((uintptr_t)buffer->buf % 8 == 0)
        return 1;
    PyBuffer_Release(buffer);
    PyErr_SetString(PyExc_ValueError, "memory is not aligned to 8 bytes");
    return 0;
}

/* ---- Words ---- */

typedef struct {
    PyObject_HEAD
    Py_buffer memory;
    int writable;
} Words;

static PyObject *words_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *memory;
    int writable;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "Op", &memory, &writable))
        return NULL;
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Words *self = (Words *)alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->writable = writable;
    if (!acquire(memory, &self->memory, writable)) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void words_dealloc(PyObject *object)
{
    Words *self = (Words *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    PyBuffer_Release(&self->memory); /* does nothing for one that was never acquired */
    release(self);
    Py_DECREF(type);
}

/* The word of a size at an offset, or NULL with an exception. */
static void *word_at(Words *self, Py_ssize_t offset, Py_ssize_t size, int writes)
{
    if (offset < 0 || offset % size != 0 || offset > self->memory.len - size) {
        PyErr_Format(PyExc_IndexError, "no word of %zd bytes at %zd", size, offset);
        return NULL;
    }
    if (writes && !self->writable) {
        PyErr_SetString(PyExc_TypeError, "memory is read-only");
        return NULL;
    }
    return (char *)self->memory.buf + offset;
}

static PyObject *words_load(Words *self, PyObject *offset)
{
    Word *word = word_at(self, PyLong_AsSsize_t(offset), 8, 0);
    return word == NULL ? NULL : PyLong_FromUnsignedLongLong(load(word));
}

static PyObject *words_store(Words *self, PyObject *args)
{
    Py_ssize_t offset;
    unsigned long long value;
    if (!PyArg_ParseTuple(args, "nK", &offset, &value))
        return NULL;
    Word *word = word_at(self, offset, 8, 1);
    if (word == NULL)
        return NULL;
    atomic_store(word, value);
    Py_RETURN_NONE;
}

static PyObject *words_load32(Words *self, PyObject *offset)
{
    Word32 *word = word_at(self, PyLong_AsSsize_t(offset), 4, 0);
    return word == NULL ? NULL : PyLong_FromUnsignedLong(atomic_load(word));
}

static PyObject *words_store32(Words *self, PyObject *args)
{
    Py_ssize_t offset;
    unsigned long value;
    if (!PyArg_ParseTuple(args, "nk", &offset, &value))
        return NULL;
    Word32 *word = word_at(self, offset, 4, 1);
    if (word == NULL)
        return NULL;
    atomic_store(word, (uint32_t)value);
    Py_RETURN_NONE;
}

static PyMethodDef words_methods[] = {
    {"load", (PyCFunction)words_load, METH_O, NULL},
    {"store", (PyCFunction)words_store, METH_VARARGS, NULL},
    {"load32", (PyCFunction)words_load32, METH_O, NULL},
    {"store32", (PyCFunction)words_store32, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot words_slots[] = {
    {Py_tp_new, words_new},
    {Py_tp_dealloc, words_dealloc},
    {Py_tp_methods, words_methods},
    {0, NULL},
};

static PyType_Spec words_spec = {"tickring._native.Words", sizeof(Words), 0, Py_TPFLAGS_DEFAULT, words_slots};

/* ---- Ring ---- */

typedef struct {
    int code; /* the struct module's character */
    int count, offset;
} Field;

typedef struct {
    PyObject_HEAD
    unsigned long long next, epoch;
    Py_buffer header, slots;
    uint64_t mask; /* number of slots - 1 */
    size_t stride, size, words;
    Py_ssize_t view, view_version;
    uint64_t run;
    Field *fields;
    Py_ssize_t field_count;
    uint64_t *masks; /* the bits of each payload word that are not padding */
    char *stage;     /* one record, whole words */
    PyObject *make;
    int writable;
} Ring;

static Word *header_word(Ring *self, Py_ssize_t offset) { return (Word *)((char *)self->header.buf + offset); }

static Word *slot_of(Ring *self, uint64_t n)
{
    return (Word *)((char *)self->slots.buf + (size_t)(n & self->mask) * self->stride);
}

static uint64_t finished(uint64_t n) { return 2 * n + 2; }

/* Copies record n to start, if its slot has it before and after; leaves no torn record there. */
static int copy(Ring *self, uint64_t n, char *start)
{
    char *to = start;
    Word *slot = slot_of(self, n);
    if (load(slot) != finished(n)) /* R1 */
        return 0;
    size_t left = self->size;
    Word *word = slot + 1;
    for (; left >= 8; left -= 8, to += 8, word++) { /* R2 */
        uint64_t value = atomic_load_explicit(word, memory_order_relaxed);
        memcpy(to, &value, 8);
    }
    if (left > 0) {
        uint64_t value = atomic_load_explicit(word, memory_order_relaxed);
        memcpy(to, &value, left);
    }
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(slot, memory_order_relaxed) == finished(n)) /* R3 */
        return 1;
    memset(start, 0, self->size);
    return 0;
}

/* Writes the record at from as value n to one cell. */
static void store_cell(Ring *self, Word *version, Word *payload, const char *from, uint64_t n)
{
    size_t left = self->size;
    atomic_store_explicit(version, 2 * n + 1, memory_order_relaxed); /* W1 */
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < self->words; i++, from += 8, left -= 8) { /* W2 */
        uint64_t value = 0;
        memcpy(&value, from, left < 8 ? left : 8);
        atomic_store_explicit(payload + i, value & self->masks[i], memory_order_relaxed);
    }
    store(version, finished(n)); /* W3 */
}

static void store_view(Ring *self, const char *from, uint64_t n)
{
    store_cell(self, header_word(self, self->view_version), header_word(self, self->view), from, n);
}

/* Whether the slot of the next record says that it is not there yet, and no word of the header that all is over. */
static int quiet(Ring *self)
{
    return load(slot_of(self, self->next)) < finished(self->next) &&
           load(header_word(self, EPOCH_OFFSET)) == self->epoch &&
           load(header_word(self, STATE_OFFSET)) != STATE_CLOSED;
}

static uint64_t finished_head(Ring *self, uint64_t floor)
{
    uint64_t head = load(header_word(self, HEAD_OFFSET));
    if (head > MAX_NUMBER + 1) /* of which no record has a version */
        head = MAX_NUMBER + 1;
    if (head < floor)
        head = floor;
    for (uint64_t i = 0; i <= self->mask && head <= MAX_NUMBER && load(slot_of(self, head)) == finished(head); i++)
        head++;
    return head;
}

#define ELEMENT(type, convert) \
    do {                       \
        type value;            \
        memcpy(&value, at, sizeof value); \
        return convert(value); \
    } while (0)

static PyObject *element(int code, const char *at)
{
    switch (code) {
    case '?': return PyBool_FromLong(*at != 0);
    case 'b': ELEMENT(int8_t, PyLong_FromLong);
    case 'h': ELEMENT(int16_t, PyLong_FromLong);
    case 'i': ELEMENT(int32_t, PyLong_FromLong);
    case 'q': ELEMENT(int64_t, PyLong_FromLongLong);
    case 'B': ELEMENT(uint8_t, PyLong_FromLong);
    case 'H': ELEMENT(uint16_t, PyLong_FromLong);
    case 'I': ELEMENT(uint32_t, PyLong_FromUnsignedLong);
    case 'Q': ELEMENT(uint64_t, PyLong_FromUnsignedLongLong);
    case 'f': ELEMENT(float, PyFloat_FromDouble);
    default: ELEMENT(double, PyFloat_FromDouble);
    }
}

static size_t element_size(int code)
{
    switch (code) {
    case '?': case 'b': case 'B': return 1;
    case 'h': case 'H': return 2;
    case 'i': case 'I': case 'f': return 4;
    case 'q': case 'Q': case 'd': return 8;
    default: return 0;
    }
}

static PyObject *elements(const Field *field, const char *at)
{
    if (field->count == 1)
        return element(field->code, at);
    PyObject *tuple = PyTuple_New(field->count);
    for (int i = 0; tuple != NULL && i < field->count; i++, at += element_size(field->code)) {
        PyObject *value = element(field->code, at);
        if (value == NULL || PyTuple_SetItem(tuple, i, value) != 0)
            Py_CLEAR(tuple);
    }
    return tuple;
}

/* The record at from as a Python object. */
static PyObject *decode(Ring *self, const char *from)
{
    PyObject *values = PyTuple_New(self->field_count);
    for (Py_ssize_t i = 0; values != NULL && i < self->field_count; i++) {
        PyObject *value = elements(&self->fields[i], from + self->fields[i].offset);
        if (value == NULL || PyTuple_SetItem(values, i, value) != 0)
            Py_CLEAR(values);
    }
    if (values == NULL)
        return NULL;
    PyObject *record = PyObject_CallFunctionObjArgs(self->make, values, NULL);
    Py_DECREF(values);
    return record;
}

static PyObject *ring_poll(Ring *self, PyObject *unused)
{
    (void)unused;
    if (copy(self, self->next, self->stage)) {
        PyObject *record = decode(self, self->stage);
        if (record != NULL)
            self->next++;
        return record;
    }
    PyObject *answer = quiet(self) ? Py_None : Py_False;
    Py_INCREF(answer);
    return answer;
}

static PyObject *ring_poll_batch(Ring *self, PyObject *arg)
{
    Py_ssize_t most = PyLong_AsSsize_t(arg);
    if (most == -1 && PyErr_Occurred())
        return NULL;
    PyObject *records = PyList_New(0);
    uint64_t n = self->next;
    for (; records != NULL && most > 0 && copy(self, n, self->stage); most--, n++) {
        PyObject *record = decode(self, self->stage);
        if (record == NULL || PyList_Append(records, record) != 0)
            Py_CLEAR(records);
        Py_XDECREF(record);
    }
    if (records == NULL)
        return NULL; /* next is as it was: nothing is lost */
    if (n == self->next && !quiet(self)) {
        Py_DECREF(records);
        Py_RETURN_FALSE;
    }
    self->next = n;
    return records;
}

static PyObject *ring_poll_into(Ring *self, PyObject *out)
{
    Py_buffer room;
    if (PyObject_GetBuffer(out, &room, PyBUF_WRITABLE) != 0)
        return NULL;
    uint64_t n = self->next;
    char *to = room.buf;
    for (size_t left = (size_t)room.len / self->size; left > 0; left--, n++, to += self->size)
        if (!copy(self, n, to))
            break;
    PyBuffer_Release(&room);
    uint64_t count = n - self->next;
    self->next = n;
    return PyLong_FromLongLong(count == 0 && !quiet(self) ? -1 : (long long)count);
}

static PyObject *ring_version(Ring *self, PyObject *arg)
{
    uint64_t n = PyLong_AsUnsignedLongLong(arg);
    if (PyErr_Occurred())
        return NULL;
    return PyLong_FromUnsignedLongLong(load(slot_of(self, n)));
}

static PyObject *ring_finished_head(Ring *self, PyObject *arg)
{
    uint64_t floor = PyLong_AsUnsignedLongLong(arg);
    if (PyErr_Occurred())
        return NULL;
    return PyLong_FromUnsignedLongLong(finished_head(self, floor));
}

static PyObject *ring_latest(Ring *self, PyObject *arg)
{
    uint64_t floor = PyLong_AsUnsignedLongLong(arg);
    if (PyErr_Occurred())
        return NULL;
    for (int i = 0; i < LATEST_TRIES; i++) {
        uint64_t head = finished_head(self, floor);
        if (head == 0) {
            if (load(slot_of(self, 0)) > finished(0))
                continue; /* a whole lap was published since the head was loaded */
            Py_RETURN_NONE;
        }
        if (copy(self, head - 1, self->stage))
            return Py_BuildValue("(KN)", (unsigned long long)(head - 1), decode(self, self->stage));
    }
    Py_RETURN_FALSE;
}

static int check_writable(Ring *self)
{
    if (!self->writable)
        PyErr_SetString(PyExc_TypeError, "memory is read-only");
    return self->writable;
}

static PyObject *ring_publish(Ring *self, PyObject *arg)
{
    Py_buffer data;
    if (!check_writable(self) || PyObject_GetBuffer(arg, &data, PyBUF_SIMPLE) != 0)
        return NULL;
    if ((size_t)data.len % self->size != 0) {
        PyErr_Format(PyExc_ValueError, "%zd bytes are not records of %zu", data.len, self->size);
        PyBuffer_Release(&data);
        return NULL;
    }
    unsigned long long first = self->next;
    const char *from = data.buf;
    for (size_t left = (size_t)data.len / self->size; left > 0;) {
        size_t run = left < self->run ? left : self->run;
        uint64_t n = self->next;
        left -= run;
        for (; run > 0; run--, n++, from += self->size) {
            Word *slot = slot_of(self, n);
            store_cell(self, slot, slot + 1, from, n);
        }
        store_view(self, from - self->size, n - 1);
        store(header_word(self, HEAD_OFFSET), n); /* after every slot that it counts */
        self->next = n;
    }
    PyBuffer_Release(&data);
    return PyLong_FromUnsignedLongLong(first);
}

static PyObject *ring_mend_view(Ring *self, PyObject *arg)
{
    uint64_t n = PyLong_AsUnsignedLongLong(arg);
    if (PyErr_Occurred() || !check_writable(self))
        return NULL;
    Word *word = slot_of(self, n) + 1;
    for (size_t i = 0; i < self->words; i++) {
        uint64_t value = load(word + i);
        memcpy(self->stage + 8 * i, &value, 8);
    }
    store_view(self, self->stage, n);
    Py_RETURN_NONE;
}

/* Everything was checked when the header was decoded; here only what would write or read outside of the memory. */
static int fits(Ring *self, unsigned long long slots, Py_ssize_t mask_size)
{
    int ok = slots >= 2 && (slots & (slots - 1)) == 0 && self->size > 0 && mask_size == (Py_ssize_t)(8 * self->words) &&
             self->stride % 8 == 0 && self->stride >= 8 + 8 * self->words &&
             slots <= (uint64_t)self->slots.len / self->stride && self->header.len > STATE_OFFSET + 8 &&
             self->view >= 0 && self->view % 8 == 0 && self->view_version >= 0 && self->view_version % 8 == 0 &&
             self->view <= self->header.len - mask_size && self->view_version <= self->header.len - 8;
    for (Py_ssize_t i = 0; ok && i < self->field_count; i++) {
        const Field *f = &self->fields[i];
        size_t size = element_size(f->code);
        ok = size > 0 && f->count >= 1 && f->offset >= 0 && (size_t)f->offset + f->count * size <= self->size;
    }
    if (!ok)
        PyErr_SetString(PyExc_ValueError, "the ring does not fit into its memory");
    return ok;
}

static int read_fields(Ring *self, PyObject *fields)
{
    self->field_count = PyTuple_Size(fields);
    if (self->field_count < 0)
        return 0;
    self->fields = PyMem_Calloc((size_t)self->field_count, sizeof(Field));
    if (self->fields == NULL) {
        PyErr_NoMemory();
        return 0;
    }
    for (Py_ssize_t i = 0; i < self->field_count; i++) {
        Field *f = &self->fields[i];
        if (!PyArg_ParseTuple(PyTuple_GetItem(fields, i), "Cii", &f->code, &f->count, &f->offset))
            return 0;
    }
    return 1;
}

static int ring_fill(Ring *self, PyObject *args)
{
    PyObject *header, *slots, *fields, *make;
    unsigned long long count;
    const char *mask;
    Py_ssize_t stride, size, mask_size;
    if (!PyArg_ParseTuple(args, "OOKnnnny#OOp", &header, &slots, &count, &stride, &size, &self->view,
                          &self->view_version, &mask, &mask_size, &fields, &make, &self->writable))
        return 0;
    if (!acquire(header, &self->header, self->writable) || !acquire(slots, &self->slots, self->writable) ||
        !read_fields(self, fields))
        return 0;
    self->mask = count - 1;
    self->run = count / 2 < MAX_RUN ? count / 2 : MAX_RUN;
    self->stride = (size_t)stride;
    self->size = (size_t)size;
    self->words = ((size_t)size + 7) / 8;
    if (!fits(self, count, mask_size))
        return 0;
    self->masks = PyMem_Malloc((size_t)mask_size);
    self->stage = PyMem_Calloc(1, (size_t)mask_size);
    if (self->masks == NULL || self->stage == NULL) {
        PyErr_NoMemory();
        return 0;
    }
    memcpy(self->masks, mask, (size_t)mask_size);
    Py_INCREF(make);
    self->make = make;
    return 1;
}

static PyObject *ring_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)kwargs;
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Ring *self = (Ring *)alloc(type, 0);
    if (self != NULL && !ring_fill(self, args)) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void ring_dealloc(PyObject *object)
{
    Ring *self = (Ring *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    PyBuffer_Release(&self->header);
    PyBuffer_Release(&self->slots);
    PyMem_Free(self->fields);
    PyMem_Free(self->masks);
    PyMem_Free(self->stage);
    Py_XDECREF(self->make);
    release(self);
    Py_DECREF(type);
}

static PyMethodDef ring_methods[] = {
    {"version", (PyCFunction)ring_version, METH_O, NULL},
    {"poll", (PyCFunction)ring_poll, METH_NOARGS, NULL},
    {"poll_batch", (PyCFunction)ring_poll_batch, METH_O, NULL},
    {"poll_into", (PyCFunction)ring_poll_into, METH_O, NULL},
    {"finished_head", (PyCFunction)ring_finished_head, METH_O, NULL},
    {"latest", (PyCFunction)ring_latest, METH_O, NULL},
    {"publish", (PyCFunction)ring_publish, METH_O, NULL},
    {"mend_view", (PyCFunction)ring_mend_view, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef ring_members[] = {
    {"next", T_ULONGLONG, offsetof(Ring, next), 0, NULL},
    {"epoch", T_ULONGLONG, offsetof(Ring, epoch), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot ring_slots[] = {
    {Py_tp_new, ring_new},
    {Py_tp_dealloc, ring_dealloc},
    {Py_tp_methods, ring_methods},
    {Py_tp_members, ring_members},
    {0, NULL},
};

static PyType_Spec ring_spec = {"tickring._native.Ring", sizeof(Ring), 0, Py_TPFLAGS_DEFAULT, ring_slots};

/* ---- Module ---- */

static int add_type(PyObject *module, const char *name, PyType_Spec *spec)
{
    PyObject *type = PyType_FromSpec(spec);
    if (type != NULL && PyModule_AddObject(module, name, type) == 0)
        return 0;
    Py_XDECREF(type);
    return -1;
}

static int fill_module(PyObject *module)
{
    if (add_type(module, "Words", &words_spec) != 0)
        return -1;
    return add_type(module, "Ring", &ring_spec);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, fill_module},
    {0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "tickring._native", "The accesses of tickring._pure in C11.", 0, NULL, module_slots,
    NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&module); }
