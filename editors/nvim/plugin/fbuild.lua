if vim.g.loaded_fbuild then
  return
end
vim.g.loaded_fbuild = true

if vim.fn.has('nvim-0.11') == 0 then
  vim.notify('fbuild: Neovim 0.11 or newer is needed', vim.log.levels.ERROR)
  return
end

vim.filetype.add({
  filename = { sdkconfig = 'sdkconfig' },
  pattern = {
    -- ESP-IDF derives headers and the like from it, which stay what they are.
    ['.*/sdkconfig%.[^/]+'] = function(path)
      return not vim.list_contains({ 'h', 'cmake', 'json' }, vim.fn.fnamemodify(path, ':e'))
          and 'sdkconfig'
        or nil
    end,
  },
})

-- The modules behind a command are loaded when it is used.
for name, about in pairs({
  Deploy = { args = '*', desc = 'Put the firmware onto the board, writing only what differs' },
  DeployFull = { args = '*', desc = 'Put the firmware onto the board, writing everything' },
  Build = { args = '?', desc = 'Build what a deploy would take' },
  Verify = { args = '*', desc = 'Compare the board with the firmware; write nothing' },
  Plan = { args = '*', desc = 'Show what a deploy would write, and how long it would take' },
  Cancel = { args = 0, desc = 'Stop what is running' },
  Target = { args = '?', desc = 'Choose what is deployed' },
  Port = { args = '?', desc = 'Choose the board' },
  Board = { args = '?', desc = 'Identify the board' },
  Erase = { args = '?', desc = 'Erase the whole flash, after asking' },
  Monitor = { args = '*', desc = 'Show what the board prints' },
  Backtrace = { args = 0, desc = 'Put the frames of a crash into the quickfix list' },
  History = { args = 0, desc = 'Show the last deploys to each board' },
  Log = { args = 0, desc = "Show the server's messages" },
  Restart = { args = 0, desc = 'Restart the server' },
  DebugInfo = { args = 0, desc = 'Show what a bug report should contain' },
}) do
  vim.api.nvim_create_user_command('Fbuild' .. name, function(command)
    require('fbuild.commands').run(name, command.fargs)
  end, {
    nargs = about.args,
    desc = 'fbuild: ' .. about.desc,
    complete = about.args ~= 0 and function(lead, line)
      return require('fbuild.commands').complete(name, lead, line)
    end or nil,
  })
end
