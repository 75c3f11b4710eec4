// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {MandateCaps} from "../../contracts/interfaces/ICharter.sol";
import {ICharter} from "../../contracts/interfaces/ICharter.sol";
import {ILedger, Purse} from "../../contracts/interfaces/ILedger.sol";
import {IMandates} from "../../contracts/interfaces/IMandates.sol";
import {IRoster} from "../../contracts/interfaces/IRoster.sol";
import {Calendar} from "../../contracts/types/Calendar.sol";
import {AccountId, Accounts, MemberId, SubcontractId} from "../../contracts/types/Ids.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Base} from "../Base.t.sol";
import {Ghost} from "./Ghost.sol";
import {Handler} from "./Handler.sol";

/// @title What must hold, whatever everybody does (R23)
/// @dev Each law is named by its id. After each sequence an honest week settles and everyone goes home with their money.
/// forge-config: default.invariant.runs = 16
contract InvariantsTest is Base {
    uint16 private constant MEMBERS = 7;

    Handler private _handler;
    Ghost private _ghost;
    ICharter private _charter;
    IRoster private _roster;
    ILedger private _ledger;
    IMandates private _mandates;
    IERC20 private _token;

    function setUp() external {
        // From its artifact, as its code is larger than a contract may be outside tests.
        (address handler,) = created(vm.getCode("test/invariant/Handler.sol:Handler"));
        vm.assertNotEq(handler, address(0), "the handler was not created");
        _handler = Handler(handler);
        _handler.settleDown();
        _ghost = _handler.ghost();
        (address charter, address roster, address ledger, address mandates, address token) = _handler.parts();
        _charter = ICharter(charter);
        _roster = IRoster(roster);
        _ledger = ILedger(ledger);
        _mandates = IMandates(mandates);
        _token = IERC20(token);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[14] memory acts = [
            Handler.passHours.selector,
            Handler.passHours.selector,
            Handler.passHours.selector,
            Handler.depositOwn.selector,
            Handler.gift.selector,
            Handler.withdraw.selector,
            Handler.signMandate.selector,
            Handler.revokeMandate.selector,
            Handler.limitGlobal.selector,
            Handler.leave.selector,
            Handler.sealRobbery.selector,
            Handler.settlePending.selector,
            Handler.vote.selector,
            Handler.trespass.selector
        ];
        bytes4[] memory selectors = new bytes4[](18);
        for (uint256 i; i < acts.length; ++i) {
            selectors[i] = acts[i];
        }
        // Weighted, so that sequences come to settle.
        selectors[14] = Handler.sealRobbery.selector;
        selectors[15] = Handler.settlePending.selector;
        selectors[16] = Handler.settlePending.selector;
        selectors[17] = Handler.sealWood.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(_handler), selectors);
    }

    function invariant_I1_NoMoreThanWasShownIsTaken() public view {
        for (uint16 i = 1; i <= MEMBERS; ++i) {
            vm.assertLe(_ghost.taken(i), _ghost.shown(i), "I1: more was taken than was shown");
        }
        vm.assertEq(_ghost.beyondCaps(), 0, "R1.2: a cap was passed");
    }

    function invariant_I2_EveryUnitIsAccountedFor() public view {
        uint256 sum;
        for (uint256 i; i < _ghost.accountCount(); ++i) {
            uint32 account = _ghost.accounts(i);
            Purse memory purse = _ledger.purse(AccountId.wrap(account));
            vm.assertEq(purse.free, _ghost.free(account), "I2: free is not what the events make");
            vm.assertEq(purse.held, _ghost.held(account), "I2: held is not what the events make");
            sum += uint256(purse.free) + purse.held;
        }
        vm.assertEq(_ledger.total(), sum, "I2: the total is not the sum of accounts");
        vm.assertEq(_ledger.total(), _ghost.total(), "I2: the total is not what came in less what went out");
        vm.assertGe(_token.balanceOf(address(_ledger)), sum, "I2: tokens are missing");
    }

    function invariant_I3_NoCollectionWithoutALiveMandate() external view {
        vm.assertEq(_ghost.withoutMandate(), 0, "I3: collected without a live mandate of that version");
    }

    function invariant_I4_NoCauseSettlesTwice() external view {
        vm.assertEq(_ghost.settledTwice(), 0, "I4: one cause settled twice");
    }

    function invariant_I5_NoReportNoMovement() external view {
        vm.assertEq(_ghost.withoutReport(), 0, "I5: collected without a final report");
        vm.assertEq(_ghost.trespassed(), 0, "I5: a stranger's act succeeded");
    }

    function invariant_I6_NoVoteMovesWhatIsWithdrawable() external view {
        vm.assertEq(_ghost.movedByVote(), 0, "I6: a vote lowered what a member can take out");
    }

    function invariant_I14_EntrenchedValuesMoveOneWay() external view {
        vm.assertEq(_ghost.loosened(), 0, "I14: an entrenched value was loosened");
    }

    function invariant_I20_AFailingSubcontractBlocksNoOther() external view {
        vm.assertEq(_ghost.blocked(), 0, "I20: the wood did not settle");
    }

    /// @dev All state of mandates and roster, rebuilt from events, is what the contracts say.
    function invariant_EventsRebuildMandatesAndRoster() external view {
        uint256 now_ = vm.getBlockTimestamp();
        uint256 period = Calendar.period(now_, _charter.t0());
        vm.assertEq(_roster.population(), _ghost.population(), "population");
        for (uint16 i = 1; i <= MEMBERS; ++i) {
            MemberId member = MemberId.wrap(i);
            vm.assertEq(_roster.keyOf(member), _ghost.key(i), "key");
            vm.assertEq(!_roster.isMember(member), _ghost.left(i), "membership");
            vm.assertEq(_ledger.purse(Accounts.ofMember(member)).arrears, _ghost.owed(i), "arrears");
            (uint64 bound_, uint64 usedOfAll) = _mandates.globalAt(member, uint40(now_));
            vm.assertEq(bound_, _ghost.globalAt(i, now_), "own bound");
            vm.assertEq(usedOfAll, _ghost.usedOf(i, 0, period, false), "own bound used");
            _judgeMandate(i, 1, now_, period);
            _judgeMandate(i, 2, now_, period);
        }
    }

    function _judgeMandate(uint16 member, uint16 subcontract, uint256 now_, uint256 period) private view {
        (MandateCaps memory caps, uint64 used, uint64 usedShared) =
            _mandates.mandateAt(MemberId.wrap(member), SubcontractId.wrap(subcontract), uint40(now_));
        Ghost.Version memory version = _ghost.versionAt(member, subcontract, now_);
        bool live = version.expiry > now_;
        vm.assertEq(caps.perEvent, live ? version.perEvent : 0, "perEvent");
        vm.assertEq(caps.perPeriod, live ? version.perPeriod : 0, "perPeriod");
        vm.assertEq(used, _ghost.usedOf(member, subcontract, period, false), "perPeriod used");
        vm.assertEq(usedShared, _ghost.usedOf(member, subcontract, period, true), "sharedPerPeriod used");
    }

    /// @dev The acts reach what the laws are about: a robbery under seal takes something, and no more than was shown.
    function test_I1_ARobberyUnderSealTakesNoMoreThanWasShown() external {
        uint8[6] memory payers = [uint8(1), 2, 3, 4, 5, 6];
        uint64[6] memory amounts = [uint64(50e6), 50e6, 50e6, 50e6, 50e6, 50e6];
        for (uint256 i; i < 12; ++i) {
            _handler.passHours(30);
            _handler.sealRobbery(0, uint8(i), 7, payers, amounts);
            _handler.settlePending(0);
        }

        vm.assertGt(_ghost.collections(), 12, "the robber collects");
        invariant_I1_NoMoreThanWasShownIsTaken();
        invariant_I2_EveryUnitIsAccountedFor();
        vm.assertEq(_ghost.taken(1), 9e6 + 9e6 + 2e6 + 3e6, "all that the mandate's caps allow");
        vm.assertTrue(_handler.liveAnHonestWeek(), "and an honest week settles all the same");
    }

    /// @dev LIVENESS. An honest week settles, everybody leaves with all they have, the wood's pots are given out when it is
    /// over, and the robber's pots and bonds are what remains.
    function afterInvariant() external {
        vm.assertTrue(_handler.liveAnHonestWeek(), "an honest week no longer settles");
        _handler.everyoneLeaves();
        _handler.closeTheWood();
        for (uint8 slot; slot < 2; ++slot) {
            AccountId pot = Accounts.ofPot(SubcontractId.wrap(1), slot);
            vm.assertEq(_ledger.potBalance(pot), 0, "R8: money stayed in a pot that nothing pays from");
        }

        uint256 rest;
        for (uint256 i; i < _ghost.accountCount(); ++i) {
            AccountId account = AccountId.wrap(_ghost.accounts(i));
            Purse memory purse = _ledger.purse(account);
            if (account.isMember()) {
                vm.assertEq(uint256(purse.free) + purse.held, 0, "I7: a leaver's money stayed");
            } else {
                rest += uint256(purse.free) + purse.held;
            }
        }
        vm.assertEq(_ledger.total(), rest, "the ledger holds exactly pots and bonds");
        vm.assertEq(_token.balanceOf(address(_ledger)), rest, "and the tokens for them");
    }
}
