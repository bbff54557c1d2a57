-- A few words for tests: what a test is, waiting, projects of our own, and the closing line.
local M = {}

local n_passed, n_failed = 0, 0
local here = vim.fs.dirname(vim.fs.abspath(debug.getinfo(1, 'S').source:sub(2)))
M.repository = vim.fs.normalize(here .. '/../../..')
--- A folder for this run alone; the script that started us removes it.
M.folder = assert(vim.env.FBUILD_TEST_DIR, 'run tests/neovim')
--- How long anything may take on a machine that is busy with something else.
M.patience_ms = 60000

---@param text string
local function print_line(text)
  io.stdout:write(text .. '\n')
  io.stdout:flush()
end

---@param name string
---@param run fun()
function M.test(name, run)
  if vim.env.FBUILD_TEST_ONLY and not name:find(vim.env.FBUILD_TEST_ONLY, 1, true) then
    return
  end
  local ok, err = xpcall(run, function(err)
    return type(err) == 'table' and err or debug.traceback(err)
  end)
  if type(err) == 'table' then
    print_line(('skipped - %s: %s'):format(name, err.skipped))
  elseif ok then
    n_passed = n_passed + 1
    print_line('ok - ' .. name)
  else
    n_failed = n_failed + 1
    print_line('not ok - ' .. name .. '\n    ' .. tostring(err):gsub('\n', '\n    '))
  end
end

--- Ends a test that cannot be run.
---@param why string
function M.skip(why)
  error({ skipped = why })
end

function M.finish()
  print_line(('counted: %d passed, %d failed'):format(n_passed, n_failed))
  vim.cmd(n_failed == 0 and n_passed > 0 and 'qall!' or 'cquit 1')
end

---@param want any
---@param got any
function M.equal(want, got)
  if not vim.deep_equal(want, got) then
    error(('expected %s, got %s'):format(vim.inspect(want), vim.inspect(got)), 2)
  end
end

---@param text string
---@param pattern string
function M.match(text, pattern)
  if not tostring(text):find(pattern) then
    error(('expected something like %q, got %q'):format(pattern, tostring(text)), 2)
  end
end

--- Waits for something to become true, and gives it back.
---@param what string
---@param is_so fun(): any
---@return any
function M.wait_for(what, is_so)
  local seen
  local in_time = vim.wait(M.patience_ms, function()
    seen = is_so()
    return seen ~= nil and seen ~= false
  end, 10)
  if not in_time then
    error('never came: ' .. what, 2)
  end
  return seen
end

---@param ... string
---@return string
function M.run(...)
  local result = vim.system({ ... }, { text = true }):wait()
  assert(result.code == 0, table.concat({ ... }, ' ') .. ': ' .. (result.stderr or ''))
  return result.stdout
end

---@param path string
---@param text string
function M.write(path, text)
  vim.fn.mkdir(vim.fs.dirname(path), 'p')
  local file = assert(io.open(path, 'w'))
  file:write(text)
  file:close()
end

--- Builds the example firmware, with a greeting of ours.
---@param project string
---@param greeting string
function M.build(project, greeting)
  local make = M.repository .. '/tests/example/make.py'
  M.run('python3', make, '--greeting', greeting, '--out', project .. '/build')
end

--- A project of this name, with the example firmware built in it, and a source.
---@param name string
---@return string folder
function M.project(name)
  local project = M.folder .. '/' .. name
  M.build(project, 'Hello from fbuild!')
  M.write(project .. '/main/main.c', 'int main(void) { return 0; }\n')
  M.write(project .. '/sdkconfig', '# CONFIG_FREERTOS_UNICORE is not set\n')
  M.write(project .. '/partitions.csv', 'nvs,data,nvs,0x9000,0x6000\n')
  -- Older than the build, or the server asks whether that is meant.
  local an_hour_ago = os.time() - 3600
  for _, file in ipairs({ '/main/main.c', '/sdkconfig', '/partitions.csv' }) do
    assert(vim.uv.fs_utime(project .. file, an_hour_ago, an_hour_ago))
  end
  return project
end

return M
