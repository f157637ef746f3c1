// Package browser has tests of the manager's page in a headless Chromium: what a person sees and clicks. They are behind the build tag
// interop, since they need that browser:
//
//	go test -tags interop -count=1 ./cmd/internal/web/browser -install
//
// With -install, as root on Debian, what is missing is installed. With -artifacts, the screenshots stay in the directory of -outputdir.
//
// browser_test.go runs the browser, page_test.go is a page as a person has it; then what is tested: look_test.go, keys_test.go,
// order_test.go, search_test.go, zone_test.go, trouble_test.go, and many_test.go with 10,000 servers.
package browser
