// Package hugepages asks for huge pages and reports which pages a mapping really has.
//
// Whether a mapping got huge pages is the kernel's decision and is read from it (/proc/self/smaps), in
// each process for itself. What was asked for is never reported as what was obtained.
package hugepages
