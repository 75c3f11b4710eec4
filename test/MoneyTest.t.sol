// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Founder, ICharter, MandateCaps, Module} from "../contracts/interfaces/ICharter.sol";
import {
    Arrear,
    Cause,
    Debit,
    ILedger,
    Kind,
    Means,
    Outcome,
    Purse
} from "../contracts/interfaces/ILedger.sol";
import {IMandates} from "../contracts/interfaces/IMandates.sol";
import {Calendar} from "../contracts/types/Calendar.sol";
import {
    AccountId,
    Accounts,
    Epoch,
    MemberId,
    SeatId,
    StreamId,
    SubcontractId
} from "../contracts/types/Ids.sol";
import {Ledger} from "../contracts/Ledger.sol";
import {Mandates} from "../contracts/Mandates.sol";
import {Roster} from "../contracts/Roster.sol";
import {Base} from "./Base.t.sol";
import {FakeCharter} from "./fakes/FakeCharter.sol";
import {FakeCommittee, FakeDocket} from "./fakes/FakeDocket.sol";
import {Account1271, Puppet} from "./hostile/Puppet.sol";
import {MoodyToken} from "./hostile/Tokens.sol";

/// @notice Ledger, mandates and roster among fakes: six founders, of whom eve signs by a contract account; one operator;
/// one subcontract with two pots that asks for whatever it is told.
abstract contract MoneyTest is Base {
    uint64 internal constant H = 1e6;
    int32 internal constant TZ = 3600;
    uint64 internal constant FLOOR = 5 * H;
    uint64 internal constant PURSE = 100 * H;

    uint64 internal constant PER_EVENT = 10 * H;
    uint64 internal constant PER_PERIOD = 25 * H;
    uint64 internal constant SHARED = 2 * H;
    uint64 internal constant GLOBAL = 30 * H;

    MemberId internal constant ADA = MemberId.wrap(1);
    MemberId internal constant BO = MemberId.wrap(2);
    MemberId internal constant CLEO = MemberId.wrap(3);
    MemberId internal constant DEV = MemberId.wrap(4);
    MemberId internal constant EVE = MemberId.wrap(5);
    MemberId internal constant FAY = MemberId.wrap(6);
    MemberId internal constant NOBODY = MemberId.wrap(0);

    SubcontractId internal constant WOOD = SubcontractId.wrap(1);
    StreamId internal constant STREAM = StreamId.wrap(1);
    SeatId internal constant SEAT = SeatId.wrap(0);

    FakeCharter internal charter;
    FakeDocket internal docket;
    FakeCommittee internal committee;
    MoodyToken internal token;
    Roster internal roster;
    Ledger internal ledger;
    Mandates internal mandates;
    Puppet internal puppet;

    address[7] internal keys; // by member id
    address internal ada;
    address internal bo;
    address internal stranger;
    address internal operator;
    uint24 internal nextEpoch;

    function setUp() public virtual {
        vm.warp(1_790_000_000);
        token = new MoodyToken();
        docket = new FakeDocket();
        operator = personOf("operator");
        stranger = personOf("stranger");
        committee = new FakeCommittee(operator);

        Founder[] memory founders = new Founder[](6);
        string[4] memory names = ["ada", "bo", "cleo", "dev"];
        for (uint16 i; i < 4; ++i) {
            founders[i] = Founder(personOf(names[i]), i / 2 + 1);
        }
        founders[4] = Founder(address(new Account1271(personOf("eve"))), 3);
        founders[5] = Founder(personOf("fay"), 3);
        for (uint256 i; i < 6; ++i) {
            keys[i + 1] = founders[i].key;
        }
        (ada, bo) = (keys[1], keys[2]);

        charter = new FakeCharter(address(token), TZ, FLOOR, founders);
        charter.set(Module.Roster, vm.computeCreateAddress(address(charter), 1));
        charter.set(Module.Ledger, vm.computeCreateAddress(address(charter), 2));
        charter.set(Module.Mandates, vm.computeCreateAddress(address(charter), 3));
        charter.set(Module.Committee, address(committee));
        charter.set(Module.Docket, address(docket));
        // By artifact, so that no test carries the contracts' code in its own.
        roster = Roster(charter.install(vm.getCode("Roster.sol:Roster")));
        ledger = Ledger(charter.install(vm.getCode("Ledger.sol:Ledger")));
        mandates = Mandates(charter.install(vm.getCode("Mandates.sol:Mandates")));

        puppet = new Puppet(ledger);
        charter.attach(address(puppet), 2, type(uint256).max);
    }

    /* THE STATE OF A VILLAGE */

    /// @notice Ignition with every founder's mandate and a full purse.
    function settleDown() internal {
        for (uint16 i = 1; i <= 6; ++i) {
            found(MemberId.wrap(i), caps(PER_EVENT, PER_PERIOD, SHARED), GLOBAL);
            fund(MemberId.wrap(i), PURSE);
        }
        charter.ignite();
        passTime(10 days);
    }

    function caps(uint64 perEvent, uint64 perPeriod, uint64 shared)
        internal
        view
        returns (MandateCaps memory)
    {
        return MandateCaps(WOOD, perEvent, perPeriod, shared, uint40(vm.getBlockTimestamp() + 365 days));
    }

    function found(MemberId member, MandateCaps memory one, uint64 global) internal {
        MandateCaps[] memory list = new MandateCaps[](1);
        list[0] = one;
        vm.prank(address(charter));
        mandates.foundMandates(member, global, list);
    }

    /// @notice Puts money into a member's purse from the member's own key.
    function fund(MemberId member, uint64 amount) internal {
        give(roster.keyOf(member), Accounts.ofMember(member), amount);
    }

    function give(address from, AccountId account, uint64 amount) internal {
        token.mint(from, amount);
        vm.prank(from);
        token.approve(address(ledger), amount);
        vm.prank(from);
        ledger.deposit(account, amount);
    }

    function tomorrow() internal view returns (uint40) {
        uint256 day = Calendar.day(vm.getBlockTimestamp(), TZ);
        return uint40(Calendar.dayBegin(day + 1, TZ));
    }

    function now40() internal view returns (uint40) {
        return uint40(vm.getBlockTimestamp());
    }

    /* WHAT THE SUBCONTRACT ASKS */

    function pot(uint8 slot) internal pure returns (AccountId) {
        return Accounts.ofPot(WOOD, slot);
    }

    function purseOf(MemberId member) internal view returns (Purse memory) {
        return ledger.purse(Accounts.ofMember(member));
    }

    function debitsOf(MemberId payer, uint16 line, uint64 amount)
        internal
        pure
        returns (Debit[] memory debits)
    {
        debits = new Debit[](1);
        debits[0] = Debit(payer, line, amount);
    }

    /// @notice Collects from one member for a fresh epoch that began just now.
    function collect(Kind kind, MemberId payer, uint64 amount) internal returns (Outcome memory) {
        return collectFor(now40(), kind, payer, amount);
    }

    function collectFor(uint40 begin, Kind kind, MemberId payer, uint64 amount)
        internal
        returns (Outcome memory)
    {
        docket.settle(begin);
        uint16 line = kind == Kind.Charge ? MemberId.unwrap(payer) : 0;
        Cause memory cause = Cause(STREAM, Epoch.wrap(++nextEpoch), kind);
        return puppet.collect(cause, pot(0), Accounts.ofMember(FAY), debitsOf(payer, line, amount))[0];
    }

    function charge(MemberId payer, uint64 amount) internal returns (Outcome memory) {
        return collect(Kind.Charge, payer, amount);
    }
}
